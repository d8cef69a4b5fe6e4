. .ci/lib.sh
# A layer of 2 GiB uncompressed, spans of 4 MiB, read once: peak RSS under 150 MB, or the script fails.
check two-gibibytes node bench/ztoc.mjs --max-rss 150
finish
