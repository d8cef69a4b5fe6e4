. .ci/lib.sh
# A page in headless Chromium against `socikit serve` on another origin.
if ! command -v chromium >/dev/null; then
  apt-get -o DPkg::Lock::Timeout=180 update -q
  DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=180 install -q -y --no-install-recommends chromium
fi
counted page "$work/browser.txt" node runtime-tests/browser/run.mjs "$home/runtimes/node_modules/playwright-core" "$(command -v chromium)"
finish
