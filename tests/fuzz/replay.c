/*
 * Runs a fuzz target over files, where there is no libFuzzer: every file named, and every file in the
 * directories named. The corpus is replayed so in every build, as an ordinary test.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned long files;

static int run_file(const char *path, size_t size)
{
    FILE *in = fopen(path, "rb");
    uint8_t *data = malloc(size ? size : 1); /* the exact size: a sanitizer sees any step outside */
    int good = in && data && fread(data, 1, size, in) == size;
    if (good)
        LLVMFuzzerTestOneInput(data, size);
    else
        perror(path);
    free(data);
    if (in)
        fclose(in);
    files++;
    return good ? 0 : 1;
}

static int run(const char *path)
{
    struct stat st;
    if (stat(path, &st) < 0) {
        perror(path);
        return 1;
    }
    if (!S_ISDIR(st.st_mode))
        return run_file(path, (size_t)st.st_size);
    DIR *dir = opendir(path);
    int failed = dir == NULL;
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        char name[4096];
        if (entry->d_name[0] == '.' ||
            snprintf(name, sizeof(name), "%s/%s", path, entry->d_name) >= (int)sizeof(name))
            continue;
        failed |= run(name);
    }
    if (dir)
        closedir(dir);
    return failed;
}

int main(int argc, char **argv)
{
    int failed = 0;
    for (int i = 1; i < argc; i++)
        failed |= run(argv[i]);
    printf("%lu inputs replayed\n", files);
    return failed || files == 0;
}
