// The service worker of the worker's page: keeps the last loaded week, and nothing else of ours, to be read offline.
"use strict";
const PAGE = "/my/day";
const WEEK = "fieldcal-week-";
const SHELL = "fieldcal-shell";
// How long the network is waited for where a week is kept, milliseconds.
const PATIENCE = 8000;
// How often we were told to forget. An answer that was asked for before the last time is kept no more; nor is what a page
// asks for after it, which is about to be left: only another opening of the week is somebody who is signed in.
let forgotten = 0;
let left = false;

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("message", (event) => {
  if (event.data !== "forget") return;
  forgotten += 1;
  left = true;
  event.waitUntil(forget(""));
});
self.addEventListener("fetch", (event) => {
  const address = new URL(event.request.url);
  if (event.request.method !== "GET" || address.origin !== location.origin) return;
  if (address.pathname === PAGE) event.respondWith(week(event));
  else if (address.pathname.startsWith("/static/")) event.respondWith(shell(event.request));
});

async function week(event) {
  if (event.request.mode === "navigate") left = false;
  const before = forgotten;
  const keeps = !left;
  const asked = fetch(event.request).then(async (answer) => {
    if (keeps && before === forgotten) {
      await note(answer);
      // told while it was being kept
      if (before !== forgotten) await forget("");
    }
    return answer;
  });
  event.waitUntil(asked.catch(() => undefined));
  let late;
  const patience = new Promise((resolve) => { late = setTimeout(resolve, PATIENCE); });
  try {
    const answer = await Promise.race([asked, patience]);
    if (answer && ![502, 503, 504].includes(answer.status)) return answer;
    return (await kept()) ?? answer ?? await asked;
  } catch (error) {
    const found = await kept();
    if (found) return found;
    throw error;
  } finally {
    clearTimeout(late);
  }
}

// Keep what is the signed-in worker's week; what else comes in its place says that nobody may read it here any more.
async function note(answer) {
  const owner = answer.headers.get("x-fieldcal-week");
  if (answer.ok && owner && !answer.redirected) {
    await forget(WEEK + owner);
    const store = await caches.open(WEEK + owner);
    await store.put(PAGE, answer.clone());
  } else if (answer.status < 500) {
    await forget("");
  }
}

async function forget(but) {
  for (const name of await caches.keys()) {
    if (name.startsWith(WEEK) && name !== but) await caches.delete(name);
  }
}

// The kept week, which says that it is old; none where its last day has passed.
async function kept() {
  const name = (await caches.keys()).find((one) => one.startsWith(WEEK));
  const found = name && await (await caches.open(name)).match(PAGE);
  if (!found) return undefined;
  if (Date.parse(found.headers.get("x-fieldcal-until")) < Date.now()) {
    await forget("");
    return undefined;
  }
  const headers = new Headers(found.headers);
  headers.delete("content-encoding");
  headers.delete("content-length");
  return new Response((await found.text()).replace("<html ", "<html data-offline "), { headers });
}

// Our own files: of each the last one that a page of the week loaded. Nothing personal is in them.
async function shell(request) {
  const store = await caches.open(SHELL);
  try {
    const answer = await fetch(request);
    if (answer.ok) {
      await store.delete(request, { ignoreSearch: true });
      await store.put(request, answer.clone());
    }
    return answer;
  } catch (error) {
    // rather a file of the version before than none
    const found = await store.match(request) ?? await store.match(request, { ignoreSearch: true });
    if (found) return found;
    throw error;
  }
}
