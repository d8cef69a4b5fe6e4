. .ci/lib.sh
# A page in headless Chromium against `socikit serve` on another origin.
install_debian chromium
counted page "$work/browser.txt" node runtime-tests/browser/run.mjs "$home/runtimes/node_modules/playwright-core" "$(command -v chromium)"
# A page made by a bundler, which has to find the files of the Web Workers.
counted pools "$work/browser-pools.txt" node runtime-tests/browser/run-pools.mjs "$home/runtimes/node_modules/playwright-core" "$(command -v chromium)"
finish
