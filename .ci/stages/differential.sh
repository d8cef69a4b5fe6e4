. .ci/lib.sh
# Against the reference's own package, which needs Go, a C compiler and zlib's headers; and against three readers of tar.
install_debian zlib1g-dev libarchive-tools python3
counted ztoc "$work/differential-ztoc.txt" npm run --silent differential -- --layers 2000 --seed 1
counted tar "$work/differential-tar.txt" npm run --silent differential:tar -- --archives 10000 --seed 1
finish
