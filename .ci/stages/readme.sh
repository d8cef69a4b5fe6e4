. .ci/lib.sh
counted examples "$work/readme.txt" node scripts/run-readme-examples.mjs
finish
