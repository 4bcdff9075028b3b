// By hand: what DuckDB reads from `canp decode -f parquet` is what `canp decode -f json` prints: every time, text, mark, raw
// number to the bit, and every value to the bit of its double.
//   npm install @duckdb/node-api     # brings the library; in any directory, named by NODE_MODULES_OF
//   NODE_MODULES_OF=DIR node tests/tools/compare_duckdb.mjs build/release/tools/canp LOG --dbc FILE [OPTION]...
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { createInterface } from 'node:readline';

const { DuckDBInstance } = createRequire(`${process.env.NODE_MODULES_OF ?? process.cwd()}/`)('@duckdb/node-api');
const [canp, log, ...options] = process.argv.slice(2);
const work = mkdtempSync(`${tmpdir()}/canp-duckdb-`);
const wide = options.includes('--wide');

// JSON has no number for what is not finite, and a raw value of 64 bits without a sign is one with a sign in Parquet.
const finite = n => (Number.isFinite(n) ? n : null);
const signed = text => (/^-?[0-9]+$/.test(text ?? '') ? String(BigInt.asIntN(64, BigInt(text))) : '');

// Numbers of 64 bits, and times, are more than a double holds: they stay texts.
function parse(line) {
    return JSON.parse(line.replace(/"(time|raw)":(-?[0-9.]+)/g, '"$1":"$2"'));
}

function* rows_of(object) {
    const head = [object.time.replace('.', ''), object.iface, object.id, object.message];
    if (wide)
        yield [...head, JSON.stringify(object.signals)];
    else
        yield [...head, object.signal, object.value, object.unit, object.text, object.mark || null, signed(object.raw)];
}

function read(row, columns) {
    const head = [String(row[0]), row[1], row[2], row[3]];
    if (!wide)
        return [...head, row[4], finite(row[5]), row[6], row[7], row[8], row[9] == null ? '' : String(row[9])];
    const signals = {};
    for (let i = 4; i < columns.length; i++)
        if ((typeof row[i] === 'string' || Number.isFinite(row[i])) && columns[i].startsWith(`${row[3]}.`))
            signals[columns[i].slice(row[3].length + 1)] = row[i];
    return [...head, JSON.stringify(signals)];
}

try {
    execFileSync(canp, ['decode', log, ...options, '-o', `${work}/o.parquet`, ...(wide ? [] : ['--raw'])], { stdio: 'inherit' });
    const db = await (await DuckDBInstance.create(':memory:')).connect();
    const described = await db.runAndReadAll(`DESCRIBE SELECT * FROM '${work}/o.parquet'`);
    const columns = described.getRows().map(r => r[0]);
    const rest = columns.slice(1).map(c => `"${c.replaceAll('"', '""')}"`).join(', ');
    const result = await db.stream(`SELECT epoch_ns(time), ${rest} FROM '${work}/o.parquet'`);
    let chunk = [], at = 0, count = 0;
    const json = spawn(canp, ['decode', log, ...options, '-f', 'json', ...(wide ? [] : ['--raw'])], { stdio: ['ignore', 'pipe', 'ignore'] });
    for await (const line of createInterface({ input: json.stdout })) {
        for (const wanted of rows_of(parse(line))) {
            if (at === chunk.length) {
                chunk = (await result.fetchChunk())?.getRows() ?? [];
                at = 0;
            }
            const got = at < chunk.length ? read(chunk[at++], columns) : null;
            if (wide) { // JSON says null for what has no number
                const signals = JSON.parse(wanted[4]);
                wanted[4] = JSON.stringify(Object.fromEntries(Object.entries(signals).filter(([, v]) => v !== null)));
            } else if (chunk[at - 1]?.[9] == null) {
                wanted[9] = ''; // more than 64 bits: its bytes
            }
            if (JSON.stringify(got) !== JSON.stringify(wanted))
                throw new Error(`row ${count}: DuckDB has\n${JSON.stringify(got)}\nand JSON\n${JSON.stringify(wanted)}`);
            count++;
        }
    }
    const behind = at < chunk.length || ((await result.fetchChunk())?.rowCount ?? 0) > 0;
    if (behind || count === 0)
        throw new Error(`${count} rows of JSON, and DuckDB has ${behind ? 'more' : 'as few'}`);
    console.log(`${count} rows of ${columns.length} columns are equal`);
} finally {
    rmSync(work, { recursive: true });
}
