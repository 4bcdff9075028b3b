#!/usr/bin/env bash
# Public recordings of other programs are read with the counts of their manifest: frames, nothing bad where none is said.
# Two lines of a truck's log are torn; the records glued to them are read, which the manifest's 285,840 leave out. Of the
# 128 CAN FD frames that multiple_CAN.asc holds as classic lines 56 have more than 8 bytes; the others cannot be told.
# usage: test_formats_samples.sh SOURCE_DIR BUILD_DIR; CANP_DATA: real recordings.
set -uo pipefail
read_log=$2/tests/read_log
data=${CANP_DATA:-$1/../shared/data}
bad=0
while IFS='|' read -r frames fd file; do
    if [ ! -e "$data/$file" ]; then
        echo "skip $file: not in $data (CANP_DATA)"
        continue
    fi
    said=$("$read_log" - "$data/$file")
    got="$(grep '^frames' <<<"$said"), FD $(grep -c '^(.*##' <<<"$said")"
    [[ $frames == *bad* ]] || frames="$frames, bad 0"
    if [ "$got" = "frames $frames, FD $fd" ]; then
        echo "ok $file"
    else
        echo "not ok $file: $got, not frames $frames, FD $fd"
        bad=1
    fi
done <<'END'
5934|0|projectgus+hyundai-kona-ev-can-logs/bms_diagnostics/Idle log (no diagnostic function selected)-30sec.asc
164|56|CSS-Electronics+mdf4-converters/Tools/SystemTests/ASC/TestData/multiple_CAN.asc
14|14|ry021yd+can-log-partitioner/can_log_splitter/examples/canlog_fd.asc
25|0|ry021yd+can-log-partitioner/can_bus_identifier/examples/asc/canlog_4buses.asc
150411|0|CSS-Electronics+api-examples/examples/other/asammdf-basics/input/00000001.MF4
5588|0|CSS-Electronics+api-examples/examples/data-processing/LOG/2F6913DB/00000004/00000001.MF4
9600|0|CSS-Electronics+api-examples/examples/data-processing/LOG/94C49784/00000005/00000002.MF4
5477|0|CSS-Electronics+api-examples/examples/other/matlab-basics/LOG_datastore/3BA199E2/00000164/00000005-60FEB5A8.MF4
7601|0|CSS-Electronics+api-examples/examples/other/matlab-basics/LOG_datastore/3BA199E2/00000165/00000006-60FFE42F.MF4
1132|0|chaitu-ycr+py_canoe/tests/demo_cfg/Logs/demo_log.blf
12974|0|collin80+SavvyCAN/examples/GVRET_Log.csv
39546|0|projectgus+hyundai-kona-ev-can-logs/230112-7-2019-pcan-ccan-power-off-on-ready-off.csv
12974|0|collin80+SavvyCAN/examples/BusMasterLog.log
12974|0|collin80+SavvyCAN/examples/MicrochipLog.log
6026|0|canboat+canboat/samples/candumpSample1.txt
402|0|canboat+canboat/samples/candumpSample2.txt
164|128|CSS-Electronics+mdf4-converters/Tools/SystemTests/CSV/TestData/multiple_CAN.csv
11208|0|tylerharvey+Ioniq5_CAN/CAN_logs/panda/M-CAN_panda_nothing_on_remote_lock.csv
55|0|collin80+SavvyCAN/examples/CarBusAnalyzer.trc
12974|0|collin80+SavvyCAN/examples/GenericID_Log.csv
12974|0|collin80+SavvyCAN/examples/CRTD_Log.txt
12974|0|collin80+SavvyCAN/examples/candump.log
12274|0|canboat+canboat/samples/sample3_PCAN-View.trc
49928|0|canboat+canboat/samples/can0-1.pcap
2368|0|canboat+canboat/samples/candumpSample3.txt
23|0|canboat+canboat/samples/candump-fast.txt
23|0|canboat+canboat/samples/candump-fast-cr.txt
164|128|CSS-Electronics+mdf4-converters/Tools/SystemTests/SocketCAN/TestData/multiple_CAN.log
164|128|CSS-Electronics+mdf4-converters/Tools/SystemTests/PEAK/TestData/multiple_CAN.trc
164|128|CSS-Electronics+mdf4-converters/Tools/SystemTests/PCAP/TestData/multiple_CAN.pcap
9950|0|yabskbd+remora_ctrl_proto/rdu/candumps/candump-2021-07-21_220402-15-seconds-engine-on-big-truck.log
8665|0|yabskbd+remora_ctrl_proto/rdu/candumps/candump-2021-07-22_220952-short-temp-sensor-black-box.log
304|0|yabskbd+remora_ctrl_proto/rdu/candumps/candump-2021-08-24-temp-data-off-suzy.log
210182|0|yabskbd+remora_ctrl_proto/data/candump20220329.1648580701.log.gz
285842, bad 2|0|yabskbd+remora_ctrl_proto/data/candump20220329.1648577123.log.gz
END
exit "$bad"
