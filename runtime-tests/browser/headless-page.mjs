// A page in headless Chromium, and what it says.
import { join } from "node:path";
import { pathToFileURL } from "node:url";

/**
 * Opens a page, prints what it writes to its console until its title is "done", and answers what is wrong, if anything is.
 * @param {{ playwright: string, executablePath: string }} browser
 * @param {string} url
 * @returns {Promise<string | undefined>}
 */
export async function runPage({ playwright, executablePath }, url) {
  const { chromium } = await import(pathToFileURL(join(playwright, "index.mjs")).href);
  const browser = await chromium.launch({
    executablePath,
    headless: true,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
  try {
    console.log(`Chromium ${browser.version()}`);
    const page = await browser.newPage();
    const lines = [];
    page.on("console", (message) => {
      lines.push(message.text());
      console.log(message.text());
    });
    page.on("pageerror", (error) => console.log(`FAIL the page: ${error.stack}`));
    await page.goto(url);
    await page.waitForFunction(() => document.title === "done", undefined, { timeout: 60_000 });
    return /^[1-9]\d* passed, 0 failed$/.test(lines.at(-1)) ? undefined : "some checks failed";
  } finally {
    await browser.close();
  }
}
