// Moves the line between what is accepted and what is asked about. Nothing leaves this page.
(() => {
  const data = JSON.parse(document.getElementById("slider-data").textContent);
  const all = [...document.querySelectorAll("#stock figure")];
  const by = (name) => document.getElementById(name);
  const slider = by("threshold");
  const shown = { accepted: 24, above: 8, below: 8, asked: 16 };

  const isAccepted = (figure, step) => {
    const most = data.most[figure.dataset.class] ?? Infinity;
    return Number(figure.dataset.score) >= step.threshold && Number(figure.dataset.place) <= most;
  };
  const spread = (figures, count) => {
    if (figures.length <= count) return figures;
    const gap = (figures.length - 1) / (count - 1);
    return Array.from({ length: count }, (_, index) => figures[Math.round(index * gap)]);
  };
  const fill = (name, figures) => {
    by(name).replaceChildren(...figures.map((figure) => figure.cloneNode(true)));
    by(name + "-none").hidden = figures.length > 0;
  };
  const share = (value) => (100 * value).toFixed(1);

  function showClasses(step) {
    const most = Math.max(1, ...data.steps.flatMap((each) => Object.values(each.classes)));
    for (const row of document.querySelectorAll("#classes [data-class]")) {
      const count = step.classes[row.dataset.class] ?? 0;
      row.querySelector("b").textContent = count.toLocaleString("en");
      row.querySelector("i").style.width = (100 * count) / most + "%";
      const cap = data.most[row.dataset.class];
      row.classList.toggle("full", cap !== undefined && count >= cap);
    }
  }

  function showSheets(step) {
    const accepted = all.filter((figure) => isAccepted(figure, step));
    const asked = all.filter((figure) => !isAccepted(figure, step));
    fill("accepted", spread(accepted.slice(0, accepted.length - shown.above), shown.accepted));
    fill("above", accepted.slice(-shown.above));
    fill("below", asked.slice(0, shown.below));
    fill("asked", spread(asked.slice(shown.below), shown.asked));
  }

  function show() {
    const place = Number(slider.value), step = data.steps[place];
    const nothing = step.precision === null;
    by("bound").textContent = step.threshold > 1 ? "above 1" : step.threshold.toFixed(3);
    by("count").textContent = step.count.toLocaleString("en");
    by("precision").textContent = nothing ? "none" : share(step.precision) + " %";
    by("interval").textContent = nothing ? "nothing to judge"
      : share(step.low) + " to " + share(step.high);
    by("waiting").textContent = (data.waiting - step.count).toLocaleString("en");
    by("moved").hidden = place === data.standing;
    by("standing").disabled = place === data.standing;
    for (const mark of document.querySelectorAll(".mark")) {
      mark.setAttribute("x1", step.x);
      mark.setAttribute("x2", step.x);
    }
    showClasses(step);
    showSheets(step);
  }

  slider.addEventListener("input", show);
  by("standing").addEventListener("click", () => { slider.value = data.standing; show(); });
  slider.value = data.standing;
  show();
})();
