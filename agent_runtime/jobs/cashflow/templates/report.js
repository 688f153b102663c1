"use strict";
(() => {
  const figures = JSON.parse(document.getElementById("figures").textContent);
  // The chart library would offer to send the data to its maker's server.
  const config = {
    displaylogo: false, showSendToCloud: false, plotlyServerURL: "",
    modeBarButtonsToRemove: ["select2d", "lasso2d", "sendChartToCloud"],
  };
  const drawn = [];
  figures.forEach((figure, i) => {
    for (const kind of ["sankey", "graph"]) {
      const box = document.getElementById(`${kind}-${i}`);
      Plotly.newPlot(box, figure[kind].data, figure[kind].layout, config);
      drawn.push(box);
    }
  });
  // On paper the style sheet shrinks what is drawn; drawing it anew would print it half way through.
  window.addEventListener("resize", () => {
    if (!window.matchMedia("print").matches) drawn.forEach((box) => Plotly.Plots.resize(box));
  });
  const filter = document.getElementById("filter");
  const rows = [...document.querySelectorAll("#evidence tbody tr")];
  const count = document.getElementById("count");
  filter.hidden = false;
  filter.addEventListener("input", () => {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    let n = 0;
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
      n += !row.hidden;
    }
    count.textContent = words.length ? `${n} of ${rows.length} rows` : "";
  });
})();
