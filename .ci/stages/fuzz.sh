. .ci/lib.sh
# Every decoder, ten seconds each from the seeds and the cases kept. The same seed every time: what a landing meets is not left to chance;
# other seeds are for longer runs.
counted targets "$work/fuzz.txt" npm run --silent fuzz -- --all --seconds 10 --seed 1
finish
