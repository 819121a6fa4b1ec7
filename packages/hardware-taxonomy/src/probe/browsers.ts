/** Browsers from what `--version` prints. */
import type { GivenDevice } from '../machine.ts';

/** `Chromium 156.0.8078.73 built on Debian`: the browser's facts, undefined where the text names none. */
export function browserOf(path: string, text: string): GivenDevice | undefined {
  const match = /(Google Chrome|Chromium|Mozilla Firefox|Microsoft Edge|Safari)[^\d\n]*(\d+(?:\.\d+)*)/.exec(text);
  if (!match) return undefined;
  const name = NAMES[match[1]!]!;
  return {
    kind: 'browser',
    id: path,
    origin: 'detected',
    facts: { 'browser.name': name, 'browser.version': match[2], 'browser.headless': name !== 'safari' },
  };
}

const NAMES: Readonly<Record<string, string>> = {
  'Google Chrome': 'chrome',
  Chromium: 'chromium',
  'Mozilla Firefox': 'firefox',
  'Microsoft Edge': 'edge',
  Safari: 'safari',
};
/** Where browsers are, by platform: names are looked up on the PATH. */
export const BROWSER_PROGRAMS: Readonly<Record<string, readonly string[]>> = {
  linux: ['google-chrome', 'google-chrome-stable', 'chromium', 'chromium-browser', 'firefox', 'firefox-esr', 'microsoft-edge'],
  darwin: [
    '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
    '/Applications/Chromium.app/Contents/MacOS/Chromium',
    '/Applications/Firefox.app/Contents/MacOS/firefox',
    '/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge',
  ],
  win32: [],
};
