/* The page of two logs' differences (diff_page.h). What others wrote, the logs' names, is spelled as text of
 * HTML. */
#include "diff_page.h"

#include <string.h>

#include "lib/text.h"

static const char style[] =
    ":root{--ground:#fff;--ink:#1b1f24;--faint:#6a737d;--line:#d8dee4;--box:#eef1f4;"
    "--other:#0860ca;--moves:#1a7f37;--stands:#b35900}\n"
    "@media(prefers-color-scheme:dark){:root{--ground:#14181d;--ink:#e3e7eb;--faint:#97a1ab;--line:#39424c;--"
    "box:#272e37;"
    "--other:#6cb6ff;--moves:#8ddb8c;--stands:#f0a060}}\n"
    "*{box-sizing:border-box}body{margin:0;background:var(--ground);color:var(--ink);font:15px/1.45 "
    "system-ui,sans-serif}\n"
    "main{max-width:76rem;margin:0 "
    "auto;padding:1rem}h1{font-size:1.4rem;overflow-wrap:anywhere}h2{font-size:1.1rem;margin:2rem 0 .4rem}\n"
    ".wide{overflow-x:auto}table{border-collapse:collapse;font-size:.85rem}\n"
    "th,td{text-align:left;padding:.2rem .6rem;border-bottom:1px solid var(--line);white-space:nowrap}\n"
    "td.n{text-align:right;font-variant-numeric:tabular-nums}.faint{color:var(--faint)}code{font-family:ui-"
    "monospace,monospace}\n"
    ".y{display:inline-flex;gap:1px;margin-right:3px}.y i{width:5px;height:13px;background:var(--box)}\n"
    "i.o{background:var(--other)!important}i.m{background:var(--moves)!important}i.s{background:var(--stands)"
    "!important}\n"
    ".key i{display:inline-block;width:10px;height:10px;margin:0 .3rem 0 .8rem}:focus-visible{outline:2px "
    "solid var(--other)}\n"
    "@media "
    "print{:root{--ground:#fff;--ink:#000;--faint:#444;--line:#bbb;--box:#e4e4e4;--other:#0860ca;--moves:#"
    "1a7f37;"
    "--stands:#b35900}*{print-color-adjust:exact}.wide{overflow:visible}tr{break-inside:avoid}h2{break-after:"
    "avoid}}\n";

static void put_text(FILE *to, const char *text)
{
    char safe[TEXT_SAFE_BYTES];
    for (const char *c = text_safe(safe, text); *c; c++) {
        if (*c == '<')
            fputs("&lt;", to);
        else if (*c == '&')
            fputs("&amp;", to);
        else
            putc(*c, to);
    }
}

static char change_of(const struct id_difference *d, unsigned byte, unsigned bit)
{
    if (d->other[byte] >> bit & 1)
        return 'o';
    if (d->moves[byte] >> bit & 1)
        return 'm';
    return d->stands[byte] >> bit & 1 ? 's' : 0;
}

/* A cell for each bit, the highest of each byte first; the same in words for who hears the page. */
static void put_bits(FILE *to, const struct id_difference *d, unsigned bytes)
{
    fputs("<td role=\"img\" aria-label=\"", to);
    for (unsigned i = 0; i < bytes; i++) {
        if (d->other[i] | d->moves[i] | d->stands[i])
            fprintf(to, "byte %u: other value %02X, moves now %02X, stands still now %02X; ", i, d->other[i],
                    d->moves[i], d->stands[i]);
    }
    fputs("\">", to);
    for (unsigned i = 0; i < bytes; i++) {
        fprintf(to, "<span class=y title=\"byte %u\">", i);
        for (unsigned bit = 8; bit-- > 0;) {
            char change = change_of(d, i, bit);
            if (change)
                fprintf(to, "<i class=%c></i>", change);
            else
                fputs("<i></i>", to);
        }
        fputs("</span>", to);
    }
    fputs("</td>", to);
}

static void put_period(FILE *to, const struct id_stats *s)
{
    if (s->gap_count)
        fprintf(to, "<td class=n>%.1f</td>", s->gap_mean_ns / 1e6);
    else
        fputs("<td class=n>-</td>", to);
}

static void put_id(FILE *to, const struct id_stats *s)
{
    char id[ID_TEXT_BYTES];
    fprintf(to, "<tr><td><code>%s</code></td>", id_text(s, id));
}

static void put_one(FILE *to, const struct id_stats *s)
{
    char count[TEXT_BYTES];
    put_id(to, s);
    fprintf(to, "<td class=n>%s</td>", text_count(count, s->count));
    put_period(to, s);
    fprintf(to, "<td class=n>%u</td><td><code>", s->bytes);
    for (unsigned i = 0; i < s->last_length; i++)
        fprintf(to, "%02X ", s->last[i]);
    fputs("</code></td></tr>\n", to);
}

static void put_changed(FILE *to, const struct id_difference *d)
{
    put_id(to, d->a);
    put_period(to, d->a);
    put_period(to, d->b);
    fprintf(to, "<td class=n>%u</td><td class=n>%u</td>", d->a->bytes, d->b->bytes);
    put_bits(to, d, d->a->bytes > d->b->bytes ? d->a->bytes : d->b->bytes);
    fputs("</tr>\n", to);
}

enum part { PART_NEW, PART_GONE, PART_CHANGED, PART_COUNT };

struct page {
    FILE *to;
    enum part wanted;
    unsigned found;
};

static const char *const heads[PART_COUNT] = {
    "<th scope=col>ID<th scope=col>frames<th scope=col>period ms<th scope=col>bytes<th scope=col>last data",
    "<th scope=col>ID<th scope=col>frames<th scope=col>period ms<th scope=col>bytes<th scope=col>last data",
    "<th scope=col>ID<th scope=col>period in A, ms<th scope=col>in B<th scope=col>bytes in A<th scope=col>in "
    "B"
    "<th scope=col>bits",
};

static void put_difference(void *user, const struct id_difference *d)
{
    struct page *page = user;
    enum part part = !d->a ? PART_NEW : !d->b ? PART_GONE : PART_CHANGED;
    if (part != page->wanted)
        return;
    if (page->found++ == 0)
        fprintf(page->to, "<div class=wide tabindex=0><table><thead><tr>%s</tr></thead><tbody>\n",
                heads[part]);
    if (part == PART_CHANGED)
        put_changed(page->to, d);
    else
        put_one(page->to, part == PART_NEW ? d->b : d->a);
}

static void put_head(FILE *to, char *const *paths, const struct id_table *a, const struct id_table *b)
{
    fputs("<!DOCTYPE html>\n<html lang=en><head><meta charset=utf-8>"
          "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
          "'unsafe-inline'\">"
          "<meta name=viewport content=\"width=device-width, initial-scale=1\"><meta name=color-scheme "
          "content=\"light "
          "dark\">"
          "<title>canp diff</title>\n<style>",
          to);
    fputs(style, to);
    fputs("</style></head><body><main>\n<h1>", to);
    put_text(to, paths[0]);
    fputs(" &rarr; ", to);
    put_text(to, paths[1]);
    fprintf(to, "</h1>\n<p>%u IDs in A, %u in B.</p>\n", a->count, b->count);
    fputs("<p class=\"faint key\">Bits, the highest of each byte first: <i class=o></i>stands still in both, "
          "and differs "
          "<i class=m></i>moves in B alone <i class=s></i>moves in A alone</p>\n",
          to);
}

int diff_page_write(FILE *to, char *const *paths, const struct id_table *a, const struct id_table *b)
{
    static const char *const titles[PART_COUNT] = {"New in B", "Gone in B", "Changed"};
    int found = 0;
    put_head(to, paths, a, b);
    for (unsigned part = 0; part < PART_COUNT && found >= 0; part++) {
        struct page page = {to, (enum part)part, 0};
        fprintf(to, "<section><h2>%s</h2>\n", titles[part]);
        found = id_diff(a, b, put_difference, &page);
        fputs(page.found ? "</tbody></table></div></section>\n" : "<p class=faint>none</p></section>\n", to);
    }
    fputs("</main></body></html>\n", to);
    return found;
}
