/* The monitor's report as text (memory_report.h). */
#include "memory_report.h"

#include "text.h"

static void print_tags(FILE *out, const struct canp_memstats *memory)
{
    char now[TEXT_BYTES], peak[TEXT_BYTES];

    for (unsigned tag = 0; tag < CANP_MEMTAG_COUNT; tag++) {
        const struct canp_memcount *count = &memory->tag[tag];
        if (count->allocs > 0)
            fprintf(out, "  %-10s %llu allocations; %s held, %s at the peak\n",
                    canp_memtag_name((enum canp_memtag)tag), (unsigned long long)count->allocs,
                    text_bytes(now, count->current_bytes), text_bytes(peak, count->peak_bytes));
    }
}

static void print_caches(FILE *out, const struct canp_monitor_report *report)
{
    char used[TEXT_BYTES], budget[TEXT_BYTES];

    for (unsigned i = 0; i < report->cache_count; i++) {
        const struct canp_mapcache_stats *stats = &report->caches[i].stats;
        fprintf(out, "  cache of %s: %llu hits, %llu misses (hit rate %.0f %%), %llu evictions, %s of %s\n",
                report->caches[i].name /* trusted: ours */, (unsigned long long)stats->lookups.hits,
                (unsigned long long)stats->lookups.misses, 100 * canp_cachestats_hit_rate(&stats->lookups),
                (unsigned long long)stats->lookups.evictions, text_bytes(used, stats->bytes),
                text_bytes(budget, stats->bytes_max));
    }
}

static void print_pools(FILE *out, const struct canp_monitor_report *report)
{
    char bytes[TEXT_BYTES];

    for (unsigned i = 0; i < report->pool_count; i++) {
        const struct canp_mempool_stats *stats = &report->pools[i].stats;
        for (unsigned k = 0; k < stats->class_count; k++)
            fprintf(
                out, "  pool of %s, %s: %llu acquired, %llu misses\n",
                report->pools[i].name /* trusted: ours */, text_bytes(bytes, stats->classes[k].block_bytes),
                (unsigned long long)stats->classes[k].acquires, (unsigned long long)stats->classes[k].misses);
    }
}

static void print_others(FILE *out, const struct canp_monitor_report *report)
{
    char used[TEXT_BYTES], budget[TEXT_BYTES], loading[TEXT_BYTES];

    for (unsigned i = 0; i < report->other_count; i++) {
        const struct canp_monitor_other *stats = &report->others[i].stats;
        fprintf(out, "  cache of %s: %llu hits, %llu misses (took %s), %llu evictions, %s of %s\n",
                report->others[i].name /* trusted: ours */, (unsigned long long)stats->lookups.hits,
                (unsigned long long)stats->lookups.misses, text_duration(loading, (int64_t)stats->load_ns),
                (unsigned long long)stats->lookups.evictions, text_bytes(used, stats->bytes),
                text_bytes(budget, stats->bytes_max));
    }
}

void memory_report_print(FILE *out, const struct canp_monitor_report *report)
{
    char now[TEXT_BYTES], peak[TEXT_BYTES];

    fprintf(out, "memory       pools and mappings: %s now, %s at the peak\n",
            text_bytes(now, report->memory.total.current_bytes),
            text_bytes(peak, report->memory.total.peak_bytes));
    print_tags(out, &report->memory);
    print_caches(out, report);
    print_pools(out, report);
    print_others(out, report);
    memory_report_print_warnings(out, "  ", report);
}

void memory_report_print_warnings(FILE *out, const char *before, const struct canp_monitor_report *report)
{
    for (unsigned bit = 1; canp_monitor_warning_text(bit) != NULL; bit *= 2) {
        if (report->warnings & bit)
            fprintf(out, "%s%s\n", before, canp_monitor_warning_text(bit));
    }
}

void memory_report_print_profile(FILE *out, const struct canp_memprofile *profile)
{
    char time[TEXT_BYTES], bytes[TEXT_BYTES];

    fprintf(out, "%s: took %s, with %llu allocations from pools and mappings (%s)\n",
            profile->name /* trusted: ours */, text_duration(time, (int64_t)profile->total_ns),
            (unsigned long long)profile->allocs, text_bytes(bytes, profile->allocated_bytes));
}
