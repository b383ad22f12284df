// Charts from a JSON address: <figure data-chart="/overview/charts.json"> holds one canvas for each series group.
// The build of ECharts that is light enough has no legend of its own.
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const shown = [];

function options(told) {
  const quiet = colour("--ink-quiet");
  const lines = { axisLine: { lineStyle: { color: colour("--line-strong") } }, axisLabel: { color: quiet, hideOverlap: true } };
  return {
    animation: false,
    aria: { enabled: true, label: { description: told.description } },
    color: [colour("--chart-1"), colour("--chart-2"), colour("--chart-3")],
    textStyle: { fontFamily: "inherit" },
    grid: { left: 8, right: 12, top: 14, bottom: 4, containLabel: true },
    xAxis: { type: "category", data: told.labels, ...lines, axisTick: { show: false } },
    yAxis: { type: "value", minInterval: told.whole ? 1 : 0, splitLine: { lineStyle: { color: colour("--line") } }, axisLabel: { color: quiet, formatter: (value) => `${value.toLocaleString("en")}${told.unit}` } },
    series: told.series.map((one) => ({ name: one.name, type: told.kind, data: one.values, barMaxWidth: 18, showSymbol: one.values.filter((v) => v !== null).length < 8, connectNulls: false, lineStyle: { width: 2.5 }, itemStyle: told.kind === "bar" ? { borderRadius: [3, 3, 0, 0] } : {} })),
  };
}

function legend(told) {
  const list = document.createElement("ul");
  list.className = "legend small";
  for (const [number, one] of told.series.entries()) {
    const swatch = document.createElement("span");
    swatch.className = `swatch of-${number + 1}`;
    const line = document.createElement("li");
    line.append(swatch, one.name);
    list.append(line);
  }
  return list;
}

async function draw() {
  if (!window.echarts) return;
  const places = [...document.querySelectorAll("[data-chart]")];
  for (const address of new Set(places.map((place) => place.dataset.chart))) {
    const answer = await fetch(address, { headers: { accept: "application/json" } });
    if (!answer.ok) continue;
    const told = await answer.json();
    for (const place of places.filter((one) => one.dataset.chart === address)) {
      if (told[place.dataset.series].series.length > 1) place.before(legend(told[place.dataset.series]));
      const chart = window.echarts.init(place, null, { renderer: "canvas" });
      shown.push([chart, told[place.dataset.series]]);
      chart.setOption(options(told[place.dataset.series]));
      new ResizeObserver(() => chart.resize()).observe(place);
    }
  }
}
document.addEventListener("fieldcal:theme", () => {
  for (const [chart, told] of shown) chart.setOption(options(told), true);
});
draw();
