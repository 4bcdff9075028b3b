"""What SQL says of a recording equals what canp dump, decode and info say, and what SQLite says of a plain copy of the same
rows, whatever is asked for: constraints that go down to the recording leave out nothing that matches.

usage: sql_equal.py CANP EXTENSION RECORDING DBC QUESTIONS SEED
"""
import csv
import io
import json
import os
import random
import sqlite3
import subprocess
import sys

canp, extension, recording, dbc, questions, seed = sys.argv[1:7]
db = sqlite3.connect(":memory:")
db.enable_load_extension(True)
db.load_extension(extension)
db.execute("SELECT canp_open(?, ?)", (recording, "dbc=" + dbc))


def said(*command):
    return subprocess.run([canp, *command], check=True, capture_output=True, text=True).stdout


def equal(what, got, wanted):
    if got != wanted:
        both = [(a, b) for a, b in zip(got, wanted) if a != b][:2] if isinstance(got, list) else (got, wanted)
        sys.exit(f"{what}: {len(got) if isinstance(got, list) else got} rows, the first that differ: {both}")


def one(sql, *values):
    return db.execute(sql, values).fetchone()[0]


# ---- dump: the lines of candump, made by SQL -------------------------------------------------------------------------
LINE = """SELECT printf('(%d.%09d) %s %s#%s%s', time_ns / 1000000000, time_ns % 1000000000, iface, id_hex,
                        CASE WHEN kind = 'fd' THEN printf('#%X', coalesce(brs, 0) + 2 * coalesce(esi, 0)) ELSE '' END,
                        CASE WHEN remote THEN 'R' || coalesce(nullif(len, 0), '') ELSE hex(data) END)
          FROM frames WHERE error IS NULL"""
lines = [line for line in said("dump", recording).splitlines() if "#" in line]
data_lines = [line for line in lines if not (len(line.split()[2].split("#")[0]) == 8 and line.split()[2] > "2")]
equal("dump", [r[0] for r in db.execute(LINE)], data_lines)
wanted = [line for line in data_lines if " 123#" in line]
assert len(wanted) > 10, wanted
equal("one ID", [r[0] for r in db.execute(LINE + " AND id = 0x123 AND extended = 0")], wanted)

# ---- info ------------------------------------------------------------------------------------------------------------
info = json.loads(said("info", recording, "--json"))
equal("frames", one("SELECT count(*) FROM frames"), info["frames"])
equal("ids", one("SELECT count(*) FROM ids"), info["ids"])
equal("lost", one("SELECT coalesce(sum(lost), 0) FROM gaps"), info["lost"])
equal("sums of ids", one("SELECT sum(frames) FROM ids"), info["frames"])
if os.path.isdir(recording):  # of a log, definitions of interfaces are not counted
    equal("events", one("SELECT count(*) FROM events") + info["frames"], info["records"])
equal("times", db.execute("SELECT min(time_ns), max(time_ns) FROM frames").fetchone(), (info["first_ns"], info["last_ns"]))
equal("ids by hand", db.execute("SELECT * FROM ids WHERE error IS NULL ORDER BY iface, kind, extended, id").fetchall(),
      db.execute("""SELECT recording, iface, kind, id, id_hex, extended, error, count(*), sum(len), min(time_ns), max(time_ns)
                    FROM frames WHERE error IS NULL GROUP BY iface, kind, extended, id
                    ORDER BY iface, kind, extended, id""").fetchall())

# ---- decode ----------------------------------------------------------------------------------------------------------
rows = list(csv.reader(io.StringIO(said("decode", "--dbc", dbc, recording, "-f", "csv", "--raw"))))[1:]


def number(text):
    return None if text == "" else float(text)


def cell(text):
    return text[1:] if text.startswith("'") else text


LONG = "SELECT printf('%d.%09d', time_ns / 1000000000, time_ns % 1000000000), iface, id_hex, message, signal, value, unit, text, mark, CASE typeof(raw) WHEN 'blob' THEN hex(raw) ELSE raw END FROM signals"
got = [(t, i, h, m, s, None if v is None else float(v), cell(u), x or "", k, str(r)) for t, i, h, m, s, v, u, x, k, r in db.execute(LONG)]
equal("decode", got, [(r[0], r[1], r[2], r[3], r[4], number(r[5]), r[6], r[7], r[8], r[9]) for r in rows])
assert len(rows) > 100
for message in sorted({r[3] for r in rows}):
    table = "frames_2" if message == "frames" else message  # that name is taken
    names = [c[1] for c in db.execute(f'PRAGMA table_info("{table}")')][6:]
    for name in names:
        wide = db.execute(f'SELECT time_ns, iface, "{name}" FROM "{table}" WHERE "{name}" IS NOT NULL').fetchall()
        long = db.execute("SELECT time_ns, iface, coalesce(value, text) FROM signals WHERE message = ? AND signal = ? AND "
                          "coalesce(value, text) IS NOT NULL", (message, name.removesuffix("_2"))).fetchall()
        equal(f"{message}.{name}", wide, long)

# ---- what goes down --------------------------------------------------------------------------------------------------


def plan(sql):
    return db.execute("EXPLAIN QUERY PLAN " + sql).fetchone()[3]


def records(sql, *values):
    before = one("SELECT canp_records_read()")
    count = len(db.execute(sql, values).fetchall())
    return count, one("SELECT canp_records_read()") - before


for table, where, shown in [("frames", "id = 291 AND time_ns >= 5", "id=? time_ns>=?"), ("frames", "iface = 'can0'", "iface=?"),
                            ("frames", "kind = 'fd' AND dir = 'rx'", "kind=? dir=?"), ("signals", "message = 'Engine' AND signal = 'Speed'", "message=? signal=?"),
                            ("frames", "time BETWEEN '2023-11-14' AND '2023-11-15'", "time>=? time<=?"), ("gaps", "recording = 'x'", "recording=?")]:
    text = plan(f"SELECT * FROM {table} WHERE {where}")
    assert text.endswith(shown), text
assert plan("SELECT * FROM frames WHERE iface = 'CAN0' COLLATE NOCASE").endswith("INDEX 0:"), "a collation is not ours"
for sql in ("SELECT * FROM frames WHERE id = 291 AND extended = 0", "SELECT * FROM frames WHERE iface = 'can1'",
            "SELECT * FROM frames WHERE kind = 'fd'", "SELECT * FROM frames WHERE id BETWEEN 256 AND 258 AND extended = 0"):
    count, touched = records(sql)
    assert 0 < count <= touched <= count + 3 and touched < info["frames"] / 2, (sql, count, touched)
count, touched = records('SELECT * FROM "Engine"')
assert 0 < count and touched < info["frames"] / 3, (count, touched)
middle = (info["first_ns"] + info["last_ns"]) // 2
count, touched = records("SELECT * FROM frames WHERE time_ns BETWEEN ? AND ?", middle, middle + 10**8)
assert 0 < count <= touched < info["frames"] / 4, (count, touched)

# ---- any constraints, against a copy ---------------------------------------------------------------------------------
random.seed(int(seed))
for table in ("frames", "signals", "ids", "events", "Engine"):
    columns = [(c[1], c[2]) for c in db.execute(f'PRAGMA table_info("{table}")')]
    db.execute(f'CREATE TABLE "{table}_copy"(' + ", ".join(f'"{n}" {t}' for n, t in columns) + ")")
    db.execute(f'INSERT INTO "{table}_copy" SELECT * FROM "{table}"')


def value(column, samples):
    kind = random.random()
    sample = random.choice(samples)
    if kind < 0.55:
        return sample
    if isinstance(sample, int) and kind < 0.8:
        return random.choice([sample + random.choice([-1, 1, 1000]), sample + 0.5, float(sample), str(sample), -sample])
    if isinstance(sample, str) and kind < 0.8:
        return random.choice([sample[:random.randint(0, len(sample))], sample.upper(), sample + "x", sample.encode(), sample + "\0"])
    return random.choice([None, 0, -1, 2**63 - 1, -2**63, 1e300, -1e300, 0.5, "", "can", b"\0\xff", "1970-01-01", "2023-11-14 22:13:20",
                          "2023-11-14 22:13", "2023-11-14T22", 0x20000000, 0x1FFFFFFF, 0x7FF, 1, "7FF", "291"])


PUSHED = {"frames": ["recording", "time_ns", "time", "iface", "kind", "dir", "id", "extended"], "ids": ["recording", "iface", "kind", "id", "extended"],
          "signals": ["recording", "time_ns", "time", "iface", "id", "message", "signal"], "events": ["recording", "time_ns", "time", "iface", "kind"],
          "Engine": ["recording", "time_ns", "time", "iface", "id"]}
samples = {}
matched = 0
for table, names in PUSHED.items():
    for name in names:
        samples[table, name] = [r[0] for r in db.execute(f'SELECT DISTINCT "{name}" FROM "{table}_copy" ORDER BY random() LIMIT 40')]
for n in range(int(questions)):
    table = random.choice(list(PUSHED))
    parts, values = [], []
    for name in random.choices(PUSHED[table], k=random.randint(1, 3)):
        op = random.choice(["=", "=", "<", "<=", ">", ">=", "IS", "<>", "IN", "BETWEEN"])
        count = {"IN": random.randint(1, 4), "BETWEEN": 2}.get(op, 1)
        values += [value(name, samples[table, name]) for _ in range(count)]
        parts.append(f'"{name}" ' + {"IN": f"IN ({', '.join('?' * count)})", "BETWEEN": "BETWEEN ? AND ?"}.get(op, op + " ?"))
    glue = random.choice([" AND ", " AND ", " AND ", " OR "])
    where = glue.join(parts)
    answers = [db.execute(f'SELECT count(*), coalesce(sum(rowid * 0 + length(recording)), 0) FROM "{t}" WHERE {where}', values).fetchone()
               for t in (table, table + "_copy")]
    if answers[0] != answers[1]:
        sys.exit(f"{table} WHERE {where} {values}: {answers[0]}, of a copy {answers[1]}")
    matched += answers[0][0] > 0
assert matched > int(questions) / 8, matched
print(f"{len(data_lines)} frames, {len(rows)} values, {questions} questions of which {matched} match something")
