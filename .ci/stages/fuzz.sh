. .ci/lib.sh
# What the fuzzer of the core is built with (fuzz/README.md). It fails where it cannot be built.
install_debian clang libclang-rt-14-dev libsimde-dev zlib1g-dev
install_npm wabt wabt@1.0.39

# Every decoder, ten seconds each from the seeds and the cases kept. The same seed every time: what a landing meets is not left to chance;
# other seeds are for longer runs.
counted targets "$work/fuzz.txt" npm run --silent fuzz -- --all --seconds 10 --seed 1
finish
