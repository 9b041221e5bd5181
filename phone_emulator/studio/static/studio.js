// What the studio's pages cannot do alone: files that are dropped, printing.
"use strict";

(() => {
  function drop() {
    const place = document.getElementById("drop");
    const input = document.getElementById("files");
    if (!place || !input) return;
    const said = document.getElementById("dropped");
    const show = () => {
      const names = Array.from(input.files, (file) => file.name);
      if (names.length) said.textContent = `Chosen: ${names.join(", ")}`;
    };
    input.addEventListener("change", show);
    for (const kind of ["dragenter", "dragover"]) {
      place.addEventListener(kind, (event) => {
        event.preventDefault();
        place.classList.add("over");
      });
    }
    place.addEventListener("dragleave", () => place.classList.remove("over"));
    place.addEventListener("drop", (event) => {
      event.preventDefault();
      place.classList.remove("over");
      input.files = event.dataTransfer.files;
      show();
    });
  }

  function print() {
    const button = document.getElementById("print");
    if (!button) return;
    button.hidden = false;
    button.addEventListener("click", () => window.print());
  }

  // Ticks every box beside the button, or none where all were ticked.
  function all() {
    for (const button of document.querySelectorAll("button.all")) {
      button.hidden = false;
      const boxes = button.parentElement.querySelectorAll("input[type=checkbox]");
      button.addEventListener("click", () => {
        const wanted = Array.from(boxes).some((box) => !box.checked);
        for (const box of boxes) box.checked = wanted;
      });
    }
  }

  document.addEventListener("DOMContentLoaded", () => {
    all();
    drop();
    print();
  });
})();
