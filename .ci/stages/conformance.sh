. .ci/lib.sh
# The distribution-spec suite against our registry server; its counts go into the summary.
status=0
CONFORMANCE_BIN=$go_bin/conformance node system-tests/conformance.mjs | tee "$work/conformance.txt" || status=$?
while read -r good bad; do count distribution-spec "$good" "$bad"; done < <(sed -nE 's/^conformance.*: ([0-9]+) passed, ([0-9]+) failed.*/\1 \2/p' "$work/conformance.txt")
sed -n 's/^conformance, /summary: /p' "$work/conformance.txt"
# It fails too where tests of pull, push, tags or referrers were skipped.
if [ "$status" -ne 0 ]; then count whole-run 0 1; fi
stage_status=$status
finish
