int canp_capture_probe(void);
int canp_capture_probe(void)
{
    return 0;
}
