. .ci/lib.sh
counted distribution-spec "$work/conformance.txt" env PATH="$go_bin:$PATH" node system-tests/conformance.mjs
finish
