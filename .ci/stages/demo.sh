. .ci/lib.sh
npm run demo | tee "$work/demo.txt"
tail -n 20 "$work/demo.txt" | sed 's/^/>> /'
