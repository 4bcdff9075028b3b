#!/usr/bin/env bash
# lab: newest
# Five schedules of what the field does to a recorder (tests/lab/chaos says what is judged); more are run by hand.
# Together they have: a second recorder after kill -9, a disk that is full, frozen or fails, segments cut and removed,
# foreign files, SIGSTOP, SIGHUP, a stopped terminal, and interfaces that are down, renamed or gone.
# usage: scripts/lab -- tests/lab/test_chaos.sh
exec "$(dirname "$0")/chaos" --seed 1 --seed 5 --seed 8 --seed 10 --seed 12
