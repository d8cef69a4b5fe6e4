. .ci/lib.sh
# Every contender of the benchmark gives every byte, in every runtime, over a small layer by each encoder: one round, no times looked at. What
# is not here fails it: native libdeflate, pigz, Go, pako or a runtime. Converting an image gives the reference's digest between layouts and registries.
install_debian libdeflate-dev zlib1g-dev pigz
export SOCIKIT_BENCH_CACHE=$home/bench
check convert node bench/convert.mjs --rounds 1 --image rabbitmq --require-peers
check contenders node bench/inflate.mjs --check --install-peers --corpus mixed --corpus-mb 8
finish
