. .ci/lib.sh
# Against zlib, and a decoder that goes a bit at a time; and the tests of the core with all of their random cases.
counted inflate "$work/differential-inflate.txt" npm run --silent differential:inflate -- --executions 300000 --seed 1
counted boundaries "$work/differential-boundaries.txt" npm run --silent differential:boundaries -- --streams 240 --seed 1
counted checkpoints "$work/differential-checkpoints.txt" npm run --silent differential:checkpoints -- --seed 1
counted sweeps "$work/sweeps.txt" npm run --silent test:sweeps -w wasm
# Against the reference's own package, which needs Go, a C compiler and zlib's headers; and against three readers of tar.
install_debian zlib1g-dev libarchive-tools python3
counted ztoc "$work/differential-ztoc.txt" npm run --silent differential -- --layers 2000 --seed 1
# The reference's command was built with the peers.
counted convert "$work/differential-convert.txt" env SOCI="$go_bin/soci" npm run --silent differential:convert -- --layouts 500 --seed 1
counted tar "$work/differential-tar.txt" npm run --silent differential:tar -- --archives 10000 --seed 1
# Builds that are saved anywhere and go on in another.
counted resume "$work/differential-resume.txt" npm run --silent differential:resume -- --layers 100 --seed 1
finish
