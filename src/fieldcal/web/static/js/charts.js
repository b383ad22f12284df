// Charts from a JSON address: <figure data-chart="/overview/charts.json"> holds one canvas for each series group.
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
    grid: { left: 8, right: 12, top: told.series.length > 1 ? 34 : 14, bottom: 4, containLabel: true },
    legend: told.series.length > 1 ? { top: 0, left: 0, textStyle: { color: quiet } } : undefined,
    // drawn, not written as HTML: that would take styles in the page, which our policy refuses
    tooltip: { trigger: "axis", renderMode: "richText", backgroundColor: colour("--paper"), borderColor: colour("--line"), textStyle: { color: colour("--ink") }, valueFormatter: (value) => value == null ? "–" : `${value.toLocaleString("en")}${told.unit}` },
    xAxis: { type: "category", data: told.labels, ...lines, axisTick: { show: false } },
    yAxis: { type: "value", minInterval: told.whole ? 1 : 0, splitLine: { lineStyle: { color: colour("--line") } }, axisLabel: { color: quiet } },
    series: told.series.map((one) => ({ name: one.name, type: told.kind, data: one.values, barMaxWidth: 18, showSymbol: one.values.filter((v) => v !== null).length < 8, connectNulls: false, lineStyle: { width: 2.5 }, itemStyle: told.kind === "bar" ? { borderRadius: [3, 3, 0, 0] } : {} })),
  };
}

async function draw() {
  if (!window.echarts) return;
  const places = [...document.querySelectorAll("[data-chart]")];
  for (const address of new Set(places.map((place) => place.dataset.chart))) {
    const answer = await fetch(address, { headers: { accept: "application/json" } });
    if (!answer.ok) continue;
    const told = await answer.json();
    for (const place of places.filter((one) => one.dataset.chart === address)) {
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
