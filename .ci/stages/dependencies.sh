. .ci/lib.sh
check graph node scripts/check-dependencies.mjs
check exports node scripts/check-exports.mjs
finish
