. .ci/lib.sh
# A layer of 2 GiB uncompressed with 100,000 entries, spans of 4 MiB, read once: peak RSS under 118 MB, or the script fails. It is 105 to
# 111, of which 57 are Node's and 17 the windows of the spans.
check two-gibibytes node bench/ztoc.mjs --max-rss 118
finish
