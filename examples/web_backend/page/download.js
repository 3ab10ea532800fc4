// Files of the server. The browser's own downloads would not say on the page that one has failed, or takes long.

import { file } from "./api.js";
import { announce, changed, isBusy, once } from "./store.js";

const downloads = new Map(); // what a place of the page has asked for last: its name -> { began, problem }

// Returns a handler of clicks on a link to a file; other ways to open the link are the browser's.
export const download = (place) => (event) => {
  if (event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  const address = event.currentTarget.getAttribute("href");
  once(`file ${place}`, async () => {
    const mine = { began: performance.now(), problem: null };
    downloads.set(place, mine);
    announce("The file is being made.");
    try {
      save(await file(address));
    } catch (error) {
      if (!error.problem) throw error;
      mine.problem = { ...error.problem, title: `The file could not be made: ${error.problem.title}` };
    }
    changed();
  });
};

// For how long the file of a place has been waited for, in seconds; null if it is not.
export const secondsOfFile = (place) =>
  isBusy(`file ${place}`) ? Math.floor((performance.now() - downloads.get(place).began) / 1000) : null;
export const problemOfFile = (place) => downloads.get(place)?.problem ?? null;
export const anyFile = () => [...downloads.keys()].some((place) => isBusy(`file ${place}`));

function save({ name, body }) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(body);
  link.download = name;
  link.click();
  // The browser may still be reading it.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
