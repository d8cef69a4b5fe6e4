. .ci/lib.sh
# A layer of 2 GiB, read once, under 150 MB.
node bench/ztoc.mjs --check
