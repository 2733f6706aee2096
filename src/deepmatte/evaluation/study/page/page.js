// The page of a study: two cutouts at a time, one choice, stored before the next pair is shown.
//
// body[data-state] is start, busy (nothing is taken), ready (a choice is waited for), or finish.
"use strict";

const $ = (id) => document.getElementById(id);
const stage = $("stage");
const panes = { left: $("pane-left"), right: $("pane-right") };
const tallLayout = matchMedia("(max-aspect-ratio: 4/5)");

const PATIENCE_MS = 20000; // for one answer of the server
const STEP = 1.4; // zoom of one press
const LARGEST_PX = 16; // one pixel of the picture becomes at the most so large on the screen,
const LARGEST_TIMES = 8; // or the whole picture so much larger than it fits, if that is more
const DRAG_PX = 6; // what moves less is a click
const PEEK_MS = 350; // a key held longer shows the photo only while it is held
const LOUPE_PX = 220;
const LOUPE_TIMES = 3;

let study = null;
let code = null;
let pairs = [];
let at = 0; // place of the pair that is shown
let since = 0; // when it was shown
let view = { zoom: 1, x: 0.5, y: 0.5 }; // x, y: the part of the picture in the middle of each pane, 0 to 1
let placed = { left: 0, top: 0, scale: 1 }; // where that puts the picture in its pane
let pointer = null; // where the loupe is, from the pane's corner
const prepared = new Map(); // place of a pair -> promise of its two pictures

// Server

async function ask(path, content) {
  const options = { headers: {}, cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) };
  if (code) options.headers.Rater = code;
  if (content !== undefined) {
    options.method = "POST";
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(content);
  }
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw new Error("The study's server does not answer.");
  }
  const found = await answer.json().catch(() => ({}));
  if (!answer.ok) {
    const error = new Error(`The server refused: ${found.error || answer.status}.`);
    error.status = answer.status;
    throw error;
  }
  return found;
}

// Do something until it works; the rater is told and says when to try again.
async function insist(action, failure) {
  for (;;) {
    try {
      const result = await action();
      $("trouble").hidden = true;
      return result;
    } catch (error) {
      $("trouble-text").textContent = `${failure} ${error.message}`;
      $("trouble").hidden = false;
      $("retry").focus();
      await new Promise((resolve) => $("retry").addEventListener("click", resolve, { once: true }));
    }
  }
}

// What is remembered in this browser, so that closing the page loses nothing.
const memory = {
  key: () => `deepmatte-study-${study.id}`,
  get() { try { return localStorage.getItem(this.key()); } catch { return null; } },
  set(value) { try { localStorage.setItem(this.key(), value); } catch { /* the code still works */ } },
  clear() { try { localStorage.removeItem(this.key()); } catch { /* nothing was kept */ } },
};

// Moves between the parts of the page

function turnTo(part, state) {
  for (const id of ["start", "compare", "finish"]) $(id).hidden = id !== part;
  document.body.dataset.state = state;
}

function say(text) { $("said").textContent = text; }

async function launch() {
  study = await insist(() => ask("api/study"), "The study cannot be loaded.");
  document.title = study.title;
  $("title").textContent = study.title;
  $("question").textContent = study.question;
  for (const paragraph of study.text.split(/\n\s*\n/)) {
    const shown = document.createElement("p");
    shown.textContent = paragraph;
    $("text").append(shown);
  }
  code = memory.get();
  if (!code || !(await resume())) begin();
}

function begin() {
  code = null;
  $("name").value = $("code").value = $("code-problem").textContent = "";
  turnTo("start", "start");
}

// Fetch what this rater is asked and go on where they were. False: nobody has this code.
async function resume() {
  const session = await insist(async () => {
    try {
      return await ask("api/session");
    } catch (error) {
      if (error.status === 404) return null;
      throw error;
    }
  }, "Your answers cannot be loaded.");
  if (session === null) return false;
  pairs = session.pairs;
  prepared.clear();
  memory.set(code);
  $("own-code").textContent = code.replace(/^(.{5})(?=.)/, "$1-");
  const next = pairs.findIndex((pair) => pair.choice === null);
  if (next < 0) finish(); else await show(next);
  return true;
}

function finish() {
  turnTo("finish", "finish");
  $("summary").textContent = `All ${pairs.length} pairs are answered and your answers are stored.`;
  $("thanks").focus();
}

// A pair

async function load(address, text) {
  const picture = new Image();
  picture.alt = text;
  picture.draggable = false;
  picture.src = address;
  try {
    await picture.decode();
  } catch {
    throw new Error("A picture did not arrive.");
  }
  return picture;
}

function prepare(place) {
  const pair = pairs[place];
  if (pair && !prepared.has(place)) {
    const both = Promise.all([load(pair.left, "First cutout"), load(pair.right, "Second cutout")]);
    both.catch(() => prepared.delete(place));
    prepared.set(place, both);
  }
  return prepared.get(place);
}

// Both pictures appear at once: one that came first would be judged first.
async function show(place) {
  turnTo("compare", "busy");
  const [left, right] = await insist(() => prepare(place), "The next pair cannot be shown.");
  const pair = pairs[(at = place)];
  for (const [side, picture] of [["left", left], ["right", right]]) {
    panes[side].querySelectorAll("img").forEach((old) => old.remove());
    panes[side].prepend(picture);
    panes[side].classList.remove("chosen");
    $(side).setAttribute("aria-pressed", String(pair.choice === side));
  }
  $("none").setAttribute("aria-pressed", String(pair.choice === "none"));
  stage.className = `on-${pair.background}`;
  showPhoto(false);
  $("keep").hidden = pair.choice === null;
  $("back").disabled = place === 0;
  $("progress").max = pairs.length;
  $("progress").value = pairs.filter((each) => each.choice !== null).length;
  $("count").textContent = `${place + 1} of ${pairs.length}`;
  say(`Pair ${place + 1} of ${pairs.length}`);
  resetView();
  if (!stage.contains(document.activeElement) && document.activeElement.closest(".bar") === null) focusStage();
  for (const old of prepared.keys()) if (Math.abs(old - place) > 1) prepared.delete(old);
  prepare(place + 1)?.catch(() => {});
  since = performance.now();
  document.body.dataset.pair = place + 1;
  document.body.dataset.state = "ready";
}

const isReady = () => document.body.dataset.state === "ready";

async function choose(choice) {
  if (!isReady()) return;
  document.body.dataset.state = "busy";
  const milliseconds = Math.round(performance.now() - since);
  panes[choice]?.classList.add("chosen");
  await insist(() => ask("api/votes", { pair: at, choice, milliseconds }), "Your answer is not stored yet.");
  pairs[at].choice = choice;
  await goOn();
}

async function goOn() {
  if (at + 1 < pairs.length) await show(at + 1); else finish();
}

async function goBack() {
  if (document.body.dataset.state === "finish") await show(pairs.length - 1);
  else if (isReady() && at > 0) await show(at - 1);
}

async function keep() {
  if (isReady() && pairs[at].choice !== null) await goOn();
}

// View: zoom and place are shared by both panes

function resetView() {
  view = { zoom: 1, x: 0.5, y: 0.5 };
  layOut();
}

function layOut() {
  const pair = pairs[at];
  if (!pair || $("compare").hidden) return;
  const { clientWidth: width, clientHeight: height } = panes.left;
  const fit = Math.min(width / pair.width, height / pair.height);
  view.zoom = Math.min(Math.max(view.zoom, 1), Math.max(LARGEST_PX / fit, LARGEST_TIMES));
  const scale = fit * view.zoom;
  view.x = within(view.x, width / (pair.width * scale));
  view.y = within(view.y, height / (pair.height * scale));
  placed = { left: width / 2 - view.x * pair.width * scale, top: height / 2 - view.y * pair.height * scale, scale };
  for (const picture of stage.querySelectorAll("img")) {
    // Photos are stored in the cutouts' size, so one transform fits all.
    picture.style.transform = `translate(${placed.left}px, ${placed.top}px) scale(${scale})`;
    picture.style.imageRendering = scale * devicePixelRatio >= 3 ? "pixelated" : "auto";
  }
  stage.classList.toggle("zoomed", view.zoom > 1.001);
  drawLoupe();
}

// Keep the middle where the picture fills the pane. share: of the picture's side that the pane shows.
function within(middle, share) {
  return share >= 1 ? 0.5 : Math.min(Math.max(middle, share / 2), 1 - share / 2);
}

// Zoom so that what is under a point (from the pane's corner) stays under it.
function zoom(factor, x = panes.left.clientWidth / 2, y = panes.left.clientHeight / 2) {
  const before = { ...placed };
  view.zoom *= factor;
  layOut();
  move(x - (placed.left + ((x - before.left) / before.scale) * placed.scale),
    y - (placed.top + ((y - before.top) / before.scale) * placed.scale));
}

function move(across, down) {
  view.x -= across / (pairs[at].width * placed.scale);
  view.y -= down / (pairs[at].height * placed.scale);
  layOut();
}

// Original photo

let photoIsWanted = false;

async function showPhoto(on) {
  photoIsWanted = on;
  const wanted = at;
  if (on && !stage.querySelector("img.original")) {
    try {
      const both = await Promise.all(Object.values(panes).map(() => load(pairs[at].photo, "Original photo")));
      if (wanted !== at || !isReady() || !photoIsWanted) return;
      Object.values(panes).forEach((pane, index) => {
        both[index].classList.add("original");
        pane.querySelector("img").after(both[index]);
      });
    } catch (error) {
      say(error.message);
      return;
    }
  }
  stage.classList.toggle("photo-on", on);
  $("photo-sign").hidden = !on;
  $("photo").setAttribute("aria-pressed", String(on));
  layOut();
}

const photoIsOn = () => stage.classList.contains("photo-on");

// Loupe

function toggleLoupe() {
  const on = $("loupe").getAttribute("aria-pressed") !== "true";
  $("loupe").setAttribute("aria-pressed", String(on));
  if (on && !pointer) pointer = { x: panes.left.clientWidth / 2, y: panes.left.clientHeight / 2, lift: 0 };
  drawLoupe();
}

function drawLoupe() {
  const on = $("loupe").getAttribute("aria-pressed") === "true" && pointer !== null;
  stage.classList.toggle("loupe-on", on);
  for (const pane of Object.values(panes)) {
    const canvas = pane.querySelector("canvas");
    const picture = pane.querySelector(photoIsOn() ? "img.original" : "img");
    canvas.hidden = !on || !picture;
    if (!canvas.hidden) drawUnder(canvas, picture, pane);
  }
}

function drawUnder(canvas, picture, pane) {
  const size = Math.min(LOUPE_PX, pane.clientWidth * 0.6, pane.clientHeight * 0.6);
  const magnified = Math.max(LOUPE_TIMES * placed.scale, 2); // screen pixels for one of the picture
  canvas.width = canvas.height = Math.round(size * devicePixelRatio);
  canvas.style.width = canvas.style.height = `${size}px`;
  canvas.style.left = `${pointer.x - size / 2}px`;
  const top = pointer.y - size / 2 - pointer.lift * size;
  canvas.style.top = `${pointer.lift ? Math.max(top, 0) : top}px`;
  const drawing = canvas.getContext("2d");
  drawing.fillStyle = getComputedStyle(pane).backgroundColor;
  drawing.fillRect(0, 0, canvas.width, canvas.height);
  drawing.imageSmoothingEnabled = magnified * devicePixelRatio < 3;
  drawing.setTransform(magnified * devicePixelRatio, 0, 0, magnified * devicePixelRatio, canvas.width / 2, canvas.height / 2);
  drawing.drawImage(picture, -(pointer.x - placed.left) / placed.scale, -(pointer.y - placed.top) / placed.scale);
}

// Pointer: click chooses, drag moves, wheel and two fingers zoom

const touches = new Map();
let wasDragged = false;

function position(event) {
  const corner = event.currentTarget.getBoundingClientRect();
  return { x: event.clientX - corner.left, y: event.clientY - corner.top };
}

function pointAt(event) {
  pointer = { ...position(event), lift: event.pointerType === "touch" ? 0.75 : 0 }; // beside the finger
  drawLoupe();
}

function pressed(event) {
  if (event.button !== 0) return;
  if (touches.size === 0) wasDragged = false;
  const here = position(event);
  touches.set(event.pointerId, { ...here, start: here });
  event.currentTarget.setPointerCapture(event.pointerId);
  pointAt(event);
}

function moved(event) {
  pointAt(event);
  const touch = touches.get(event.pointerId);
  if (!touch) return;
  const here = position(event);
  if (Math.hypot(here.x - touch.start.x, here.y - touch.start.y) > DRAG_PX || touches.size > 1) wasDragged = true;
  if (wasDragged) {
    stage.classList.add("dragging");
    const others = [...touches].filter(([id]) => id !== event.pointerId).map(([, other]) => other);
    if (others.length === 1) pinch(touch, here, others[0]);
    else if (others.length === 0 && !(event.pointerType === "touch" && stage.classList.contains("loupe-on"))) {
      move(here.x - touch.x, here.y - touch.y);
    }
  }
  Object.assign(touch, here);
}

function pinch(before, here, other) {
  const middle = { x: (here.x + other.x) / 2, y: (here.y + other.y) / 2 };
  move((here.x - before.x) / 2, (here.y - before.y) / 2);
  const distance = Math.hypot(before.x - other.x, before.y - other.y);
  if (distance > 1) zoom(Math.hypot(here.x - other.x, here.y - other.y) / distance, middle.x, middle.y);
}

function released(event) {
  touches.delete(event.pointerId);
  if (touches.size === 0) stage.classList.remove("dragging");
}

function clicked(event) {
  if (wasDragged || event.detail > 1) return; // the second click of a double one is no second answer
  if (photoIsOn()) showPhoto(false);
  else choose(event.currentTarget.dataset.side);
}

function wheeled(event) {
  event.preventDefault();
  const lines = event.deltaMode === 1 ? 16 : event.deltaMode === 2 ? 400 : 1;
  const { x, y } = position(event);
  if (isReady()) zoom(Math.exp(-event.deltaY * lines * 0.0018), x, y);
}

for (const pane of Object.values(panes)) {
  pane.addEventListener("pointerdown", pressed);
  pane.addEventListener("pointermove", moved);
  pane.addEventListener("pointerup", released);
  pane.addEventListener("pointercancel", released);
  pane.addEventListener("click", clicked);
  pane.addEventListener("wheel", wheeled, { passive: false });
}

// Keys

let photoSince = null; // when a key press put the photo on

const MOVES = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
const KEYS = {
  ArrowLeft: () => choose("left"),
  ArrowRight: () => choose("right"),
  ArrowUp: () => tallLayout.matches && choose("left"),
  ArrowDown: () => tallLayout.matches && choose("right"),
  " ": () => choose("none"),
  Backspace: goBack,
  Enter: keep,
  o: (event) => { photoSince = photoIsOn() ? null : event.timeStamp; showPhoto(!photoIsOn()); },
  l: toggleLoupe,
  "+": () => zoom(STEP),
  "=": () => zoom(STEP),
  "-": () => zoom(1 / STEP),
  0: resetView,
  "?": () => $("keys").showModal(),
};
const REPEATED = new Set(["+", "=", "-"]);

document.addEventListener("keydown", (event) => {
  const where = event.target;
  if (event.ctrlKey || event.metaKey || event.altKey || $("keys").open || where.matches("input")) return;
  if (document.body.dataset.state === "finish" && event.key === "Backspace") goBack();
  if (!isReady()) return;
  if (where.matches("button") && (event.key === " " || event.key === "Enter")) return; // presses that button
  if (event.shiftKey && event.key in MOVES) {
    event.preventDefault();
    const [across, down] = MOVES[event.key];
    move((across * panes.left.clientWidth) / 8, (down * panes.left.clientHeight) / 8);
    return;
  }
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (!(key in KEYS)) return;
  event.preventDefault();
  if (!event.repeat || REPEATED.has(key)) KEYS[key](event);
});

document.addEventListener("keyup", (event) => {
  if (event.key.toLowerCase() !== "o" || photoSince === null) return;
  if (event.timeStamp - photoSince > PEEK_MS) showPhoto(false);
  photoSince = null;
});

// Buttons. A click leaves the focus on the pictures, so that Space means "no preference" again.

function focusStage() { stage.focus({ preventScroll: true }); }

function on(id, action) {
  $(id).addEventListener("click", (event) => {
    if (event.detail > 0 && $(id).closest(".bar")) focusStage();
    action();
  });
}

on("left", () => choose("left"));
on("none", () => choose("none"));
on("right", () => choose("right"));
on("back", goBack);
on("keep", keep);
on("photo", () => isReady() && showPhoto(!photoIsOn()));
on("loupe", toggleLoupe);
on("out", () => zoom(1 / STEP));
on("fit", resetView);
on("in", () => zoom(STEP));
on("help", () => $("keys").showModal());
on("review", goBack);
for (const id of ["again", "other"]) on(id, () => { memory.clear(); begin(); });

$("enrol").addEventListener("submit", async (event) => {
  event.preventDefault();
  if (document.body.dataset.state !== "start") return;
  document.body.dataset.state = "busy";
  const name = $("name").value.trim();
  code = (await insist(() => ask("api/raters", { name }), "The study cannot begin.")).code;
  await resume();
});

$("resume").addEventListener("submit", async (event) => {
  event.preventDefault();
  if (document.body.dataset.state !== "start") return;
  document.body.dataset.state = "busy";
  code = $("code").value.toLowerCase().replace(/[^a-z0-9]/g, "");
  if (await resume()) return;
  begin();
  $("code-problem").textContent = "Nobody has this code. Is it typed as it was shown?";
});

new ResizeObserver(layOut).observe(stage);
launch();
