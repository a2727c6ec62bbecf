"use strict";
document.documentElement.classList.add("script");

// Frames: choose one, choose a view, drag the border between source and decoded.
for (const viewer of document.querySelectorAll(".viewer")) {
  const press = (buttons, pressed) =>
    buttons.forEach((button) => button.setAttribute("aria-pressed", String(button === pressed)));
  const figures = [...viewer.querySelectorAll("figure")];
  const picks = [...viewer.querySelectorAll("[data-pick]")];
  const views = [...viewer.querySelectorAll("[data-set-view]")];
  const slider = viewer.querySelector("input");
  const moveTo = (percent) => {
    const bounded = Math.min(100, Math.max(0, percent));
    viewer.style.setProperty("--at", `${bounded}%`);
    if (slider) slider.value = String(bounded);
  };
  const pick = (index) => {
    figures.forEach((figure, at) => figure.classList.toggle("chosen", at === index));
    press(picks, picks[index]);
  };
  picks.forEach((button, index) => button.addEventListener("click", () => pick(index)));
  views.forEach((button) =>
    button.addEventListener("click", () => {
      viewer.dataset.view = button.dataset.setView;
      press(views, button);
    }),
  );
  if (slider) slider.addEventListener("input", () => moveTo(Number(slider.value)));
  for (const stack of viewer.querySelectorAll(".stack.compared")) {
    const follow = (event) => {
      const box = stack.getBoundingClientRect();
      moveTo((100 * (event.clientX - box.left)) / box.width);
    };
    stack.addEventListener("pointerdown", (event) => {
      stack.setPointerCapture(event.pointerId);
      follow(event);
    });
    stack.addEventListener("pointermove", (event) => {
      if (event.buttons) follow(event);
    });
  }
  if (figures.length) pick(0);
}

// Over time: tell of the frame under the pointer.
const readout = document.querySelector(".readout");
const { frames, numFrames, left, plotWidth, width } = JSON.parse(document.getElementById("frame-values").textContent);
const graphs = [...document.querySelectorAll("#time svg")];
if (readout && frames.length) {
  const tell = (event) => {
    const box = event.currentTarget.getBoundingClientRect();
    const wanted = ((((event.clientX - box.left) / box.width) * width - left) / plotWidth) * numFrames - 0.5;
    const nearest = frames.reduce((best, row) =>
      Math.abs(row.frame - wanted) < Math.abs(best.frame - wanted) ? row : best,
    );
    const x = left + ((nearest.frame + 0.5) / numFrames) * plotWidth;
    for (const cursor of document.querySelectorAll("#time .cursor")) {
      cursor.setAttribute("x1", x);
      cursor.setAttribute("x2", x);
      cursor.style.visibility = "visible";
    }
    const other = nearest.x265 === null ? "" : `, x265 ${nearest.x265.toFixed(2)} dB`;
    readout.textContent =
      `frame ${nearest.frame} at ${nearest.time.toFixed(2)} s: ` +
      `${nearest.psnr.toFixed(2)} dB, MS-SSIM ${nearest.similarity.toFixed(4)}${other}`;
  };
  graphs.forEach((graph) => graph.addEventListener("pointermove", tell));
}
