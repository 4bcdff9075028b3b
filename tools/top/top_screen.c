/*
 * The screen of `canp top`: interfaces above, IDs below. Works without colour; 80 columns hold a classic
 * frame. Main thread.
 */
#include "top_screen.h"

#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <ncurses.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <canp/names.h>

#include <canp/error_text.h>

#include "lib/commands.h"
#include "lib/manners.h"
#include "lib/opts.h"
#include "lib/text.h"

enum { RED = 1 };

static SCREEN *screen;
static bool has_keyboard;
static bool is_utf8; /* the terminal's text */
static int row;      /* the next one to be drawn */

static bool is_coloured(void)
{
    return has_colors() && manners_colored(STDOUT_FILENO);
}

int top_screen_begin(void)
{
    const char *term = getenv("TERM");
    setlocale(LC_CTYPE, ""); /* before ncurses: units are no ASCII */
    is_utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    if (!isatty(STDOUT_FILENO))
        return opts_fail("top", CANP_EXIT_ENVIRONMENT,
                         "stdout is no terminal: `canp info` and `canp dump` print what a pipe can take");
    screen = newterm(NULL, stdout, stdin);
    if (!screen)
        return opts_fail("top", CANP_EXIT_ENVIRONMENT, "the terminal '%s' is not known here (TERM)",
                         term ? term : "");
    set_term(screen);
    has_keyboard = isatty(STDIN_FILENO);
    cbreak();
    noecho();
    nonl();
    keypad(stdscr, TRUE);
    curs_set(0);
    if (is_coloured()) {
        start_color();
        use_default_colors();
        init_pair(RED, COLOR_RED, -1);
    }
    return 0;
}

void top_screen_end(void)
{
    if (!screen)
        return;
    endwin();
    delscreen(screen);
    screen = NULL;
}

int top_screen_key(int ms)
{
    if (!has_keyboard) {
        struct timespec pause = {ms / 1000, ms % 1000 * 1000000L};
        nanosleep(&pause, NULL);
        return 0;
    }
    timeout(ms);
    int key = getch();
    return key == ERR ? 0 : key;
}

/* ---- drawing ------------------------------------------------------------------------------------ */

static void line(attr_t attributes, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* One row, cut at the screen's edge. */
static void line(attr_t attributes, const char *format, ...)
{
    char text[512];
    va_list args;
    if (row >= LINES)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    attrset((int)attributes);
    mvaddnstr(row, 0, text /* trusted: its parts were spelled */, COLS);
    if (attributes & A_REVERSE) {
        for (int x = getcurx(stdscr); x > 0 && x < COLS && getcury(stdscr) == row; x++)
            mvaddch(row, x, ' ');
    }
    attrset(A_NORMAL);
    row++;
}

static attr_t alarming(void)
{
    return is_coloured() ? A_BOLD | COLOR_PAIR(RED) : A_BOLD;
}

/* "12345", "123k", "12.3M": at most 6 columns. */
static const char *number(char out[24], uint64_t n)
{
    if (n < 1000000)
        snprintf(out, 24, "%llu", (unsigned long long)n);
    else if (n < 10000000000)
        snprintf(out, 24, n < 100000000 ? "%.2fM" : "%.1fM", (double)n / 1e6);
    else
        snprintf(out, 24, "%.1fG", (double)n / 1e9);
    return out;
}

static int name_columns(void)
{
    return COLS >= 100 ? CANP_IFACE_NAME_BYTES - 1 : 10;
}

static const char *link_text(const struct top_iface *f)
{
    static const char error[] = "error-"; /* left out: the column is narrow */
    if (f->link <= 0)
        return f->link < 0 ? "gone" : "down";
    const char *name = canp_controller_state_name(f->state);
    if (name && strncmp(name, error, sizeof(error) - 1) == 0)
        name += sizeof(error) - 1;
    return name ? name : "up";
}

static void draw_iface(const struct top_iface *f)
{
    char load[16] = "-", frames[24], error_frames[24], socket[24], device[24], other[24], errors[24];
    bool alarm =
        f->link <= 0 || f->state == 3 || f->load > 900 || f->lost_socket || f->lost_device || f->lost_other;
    if (f->bitrate)
        snprintf(load, sizeof(load), "%.1f", f->load / 10);
    snprintf(errors, sizeof(errors), "%u/%u", f->tx_errors, f->rx_errors);
    line(alarm ? alarming() : A_NORMAL, "%-*.*s %-8s %8.1f %6s %6s %6s %8s %6s %6s %7s", name_columns(),
         name_columns(), SAFE(f->name[0] ? f->name : "?"), link_text(f), f->rate, load,
         number(frames, f->frames), number(error_frames, f->error_frames), number(socket, f->lost_socket),
         number(device, f->lost_device), number(other, f->lost_other), errors);
}

static void draw_ifaces(const struct top_stats *s)
{
    int room = LINES / 2; /* the IDs have the other half */
    line(A_REVERSE, "%-*s %-8s %8s %6s %6s %6s %8s %6s %6s %7s", name_columns(), "interface", "link",
         "frames/s", "load %", "frames", "errors", "lost:soc", "device", "record", "err t/r");
    for (unsigned i = 0; i < s->iface_count && row < room; i++) {
        if (s->ifaces[i].known)
            draw_iface(&s->ifaces[i]);
    }
}

static const char *id_text(char out[16], const struct top_id *t)
{
    uint32_t id = t->id;
    if (t->kind == CANP_KIND_XL)
        snprintf(out, 16, "%03X xl", id & CANP_ID_SFF_MASK);
    else if (id & CANP_ID_ERR)
        snprintf(out, 16, "%08X", id);
    else
        snprintf(out, 16, id & CANP_ID_EFF ? "%08X" : "%03X", id & CANP_ID_EFF_MASK);
    return out;
}

/* As many bytes as fit the row. */
static const char *data_text(char out[256], const struct top_id *t, int columns)
{
    size_t used = 0;
    out[0] = '\0';
    for (unsigned i = 0; i < t->len && (int)used + 3 <= columns && used + 4 < 256; i++)
        used += (size_t)snprintf(out + used, 256 - used, i ? " %02X" : "%02X", t->data[i]);
    return out;
}

/* What it is made of, or what an error frame says. */
static const char *content_text(char out[CANP_ERROR_TEXT_BYTES], const struct top_id *t, int columns)
{
    if (t->kind != CANP_KIND_CAN || !(t->id & CANP_ID_ERR))
        return data_text(out, t, columns);
    union canp_frame_store f = {.frame = {.id = t->id, .len = t->len < 8 ? t->len : 8}};
    memcpy(f.frame.data, t->data, f.frame.len);
    canp_error_text(&f.frame, " ", out);
    return out;
}

static void draw_id(const struct top_stats *s, const struct top_id *t)
{
    const struct top_iface *f = &s->ifaces[t->channel % TOP_IFACES_MAX];
    char id[16], count[24], period[24] = "-", jitter[24] = "-", content[CANP_ERROR_TEXT_BYTES];
    if (t->count > 1)
        snprintf(period, sizeof(period), "%.2f", t->period_ns / 1e6);
    if (t->count > 2)
        snprintf(jitter, sizeof(jitter), "%.2f", t->jitter_ns / 1e6);
    line(t->id & CANP_ID_ERR && t->kind == CANP_KIND_CAN ? alarming() : A_NORMAL,
         "%-*.*s %-8s %8s %9s %9s %3u  %s", name_columns(), name_columns(), SAFE(f->name), id_text(id, t),
         number(count, t->count), period, jitter, t->len,
         content_text(content, t, COLS - 44 - name_columns()));
}

static void draw_ids(struct top_stats *s, struct top_view *view)
{
    static const struct top_id *ids[TOP_IDS_MAX];
    unsigned n = top_sorted(s, view->sort, ids);
    unsigned room = LINES > row + 2 ? (unsigned)(LINES - row - 2) : 0;
    if (view->scroll + room > n)
        view->scroll = n > room ? n - room : 0;
    line(A_REVERSE, "%-*s %-8s %8s %9s %9s %3s  %s", name_columns(), "interface", "id", "count", "period ms",
         "jitter ms", "len", "data");
    for (unsigned i = view->scroll; i < n && i < view->scroll + room; i++)
        draw_id(s, ids[i]);
    if (s->unlisted && room)
        line(A_NORMAL, "%llu frames of IDs beyond the first %u", (unsigned long long)s->unlisted,
             TOP_IDS_MAX);
}

/* ---- signals ------------------------------------------------------------------------------------ */

/* At a column of the row; what is drawn further right covers what is too long. Other characters than ASCII's
 * need a terminal that has them. */
static void cell(int column, const char *text)
{
    if (row >= LINES || column >= COLS)
        return;
    move(row, column);
    clrtoeol();
    for (const char *c = text; !is_utf8 && *c; c++) {
        if ((*c & 0xC0) != 0x80) /* no further byte of a character */
            addch(*c & 0x80 ? '?' : (chtype)*c);
        if (getcury(stdscr) != row)
            return;
    }
    if (is_utf8)
        addnstr(text /* trusted: its parts were spelled */, (int)strlen(text));
}

static const char *value_text(char out[TOP_SIGNAL_WORDS_BYTES * 4], const struct top_signal *t)
{
    const struct canp_value *v = &t->last;
    char number[32] = "";
    if (decode_has_number(v) && decode_is_integer(v->signal))
        snprintf(number, sizeof(number), v->signal->is_signed ? "%lld" : "%llu", (long long)v->raw);
    else if (decode_has_number(v))
        snprintf(number, sizeof(number), "%.6g", v->value);
    const char *mark = decode_mark(v);
    snprintf(out, TOP_SIGNAL_WORDS_BYTES * 4, "%s%s%s%s%s%s%s%s", number,
             number[0] && v->signal->unit[0] ? " " : "", number[0] ? SAFE(v->signal->unit) : "",
             t->words[0] ? (number[0] ? " \"" : "\"") : "", t->words /* trusted: spelled */,
             t->words[0] ? "\"" : "", mark[0] ? " " : "", mark);
    return out;
}

static void draw_history(const struct top_signal *t, int64_t now_ns, unsigned columns)
{
    static const char *const blocks[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    static const char plain[] = " _.-=+*%#";
    uint8_t levels[TOP_HISTORY];
    top_signal_levels(t, now_ns, levels, columns);
    for (unsigned i = 0; i < columns; i++) {
        if (is_utf8)
            addstr(blocks[levels[i]]);
        else
            addch((chtype)plain[levels[i]]);
    }
}

static void draw_signal(const struct top_stats *s, const struct top_view *view, const struct top_signal *t)
{
    char text[TOP_SIGNAL_WORDS_BYTES * 4];
    unsigned columns = COLS >= 100 ? TOP_HISTORY : TOP_HISTORY / 2;
    int history = COLS - (int)columns, values = history - (COLS >= 100 ? 24 : 18);
    if (row >= LINES || history < 0)
        return;
    cell(0, SAFE(s->ifaces[t->channel % TOP_IFACES_MAX].name));
    snprintf(text, sizeof(text), t->id & CANP_ID_EFF ? "%08X" : "%03X", t->id & CANP_ID_EFF_MASK);
    cell(name_columns() + 1, text);
    snprintf(text, sizeof(text), "%s.%s", SAFE(t->signal->message->long_name), SAFE(t->signal->long_name));
    cell(name_columns() + 10, text);
    cell(values - 1, " ");
    cell(values, value_text(text, t));
    cell(history - 1, " ");
    move(row, history);
    draw_history(t, view->signals->last_ns, columns);
    row++;
}

static void draw_signals(const struct top_stats *s, struct top_view *view)
{
    const struct top_signal *const *signals;
    unsigned n = top_signals_sorted(view->signals, &signals);
    unsigned room = LINES > row + 2 ? (unsigned)(LINES - row - 2) : 0;
    if (view->scroll + room > n)
        view->scroll = n > room ? n - room : 0;
    line(A_REVERSE, "%-*s %-8s %s, its last value, and the %u s before", name_columns(), "interface", "id",
         "signal", (unsigned)((COLS >= 100 ? TOP_HISTORY : TOP_HISTORY / 2) * TOP_STRETCH_NS / 1000000000));
    for (unsigned i = view->scroll; i < n && i < view->scroll + room; i++)
        draw_signal(s, view, signals[i]);
    if (view->signals->unlisted && room)
        line(A_NORMAL, "%llu values of signals beyond the first %u",
             (unsigned long long)view->signals->unlisted, TOP_SIGNALS_MAX);
}

void top_screen_draw(struct top_stats *s, struct top_view *view)
{
    static const char *const sorts[] = {"count", "id", "period", "jitter", "last seen"};
    char frames[24];
    row = 0;
    erase();
    double seconds = s->frames ? (double)(s->last_ns - s->first_ns) / 1e9 : 0;
    line(A_BOLD, "canp top  %s   %s frames, %u IDs, %.1f s, by %s%s", SAFE(view->source),
         number(frames, s->frames), s->id_count, seconds, sorts[view->sort], view->paused ? "   PAUSED" : "");
    if (view->status[0])
        line(A_NORMAL, "%s", view->status);
    for (unsigned i = 0; i < TOP_RECORDERS_MAX && view->recorders[i][0]; i++)
        line(A_NORMAL, "%s", view->recorders[i]);
    draw_ifaces(s);
    if (view->shows_signals)
        draw_signals(s, view);
    else
        draw_ids(s, view);
    row = LINES - 1;
    if (view->shows_signals)
        line(A_NORMAL, "q quit  s IDs  arrows scroll  space pause  r reset");
    else if (view->signals)
        line(A_NORMAL, "q quit  c i p j l sort  s signals  space pause  r reset  by %s", sorts[view->sort]);
    else
        line(A_NORMAL, "q quit  c count  i id  p period  j jitter  l last  space pause  r reset  by %s",
             sorts[view->sort]);
    refresh();
}
