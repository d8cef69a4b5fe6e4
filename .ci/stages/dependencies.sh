. .ci/lib.sh
check graph node scripts/check-dependencies.mjs
check exports node scripts/check-exports.mjs
check errors-page node scripts/generate-errors-page.mjs --check
finish
