// The page of `canp report`: draws what stands in #data. Texts of others are set as text, never as HTML.
(function () {
  'use strict';
  var data = JSON.parse(document.getElementById('data').textContent);
  var main = document.getElementById('main');
  var plots = [];
  var names = {};
  data.ifaces.forEach(function (i) { names[i.channel] = i.name; });

  function make(parent, tag, text, cls) {
    var e = document.createElement(tag);
    if (text !== undefined && text !== null) e.textContent = text;
    if (cls) e.className = cls;
    if (parent) parent.appendChild(e);
    return e;
  }
  function number(x) { return x.toLocaleString('en-US', { maximumFractionDigits: 3 }); }
  function time(ms) { return new Date(ms).toISOString().replace('T', ' ').replace('Z', ' UTC'); }
  function section(title, cls) {
    var s = make(main, 'section', null, cls);
    make(s, 'h2', title);
    return s;
  }
  function table(parent, head, rows, caption) {
    var wide = make(parent, 'div', null, 'wide'), t = make(wide, 'table');
    wide.tabIndex = 0;
    if (caption) make(t, 'caption', caption, 'faint');
    var tr = make(make(t, 'thead'), 'tr'), body = make(t, 'tbody');
    head.forEach(function (h) { make(tr, 'th', h).scope = 'col'; });
    rows.forEach(function (row) {
      var r = make(body, 'tr');
      row.forEach(function (cell) {
        if (cell instanceof Node) make(r, 'td').appendChild(cell);
        else make(r, 'td', typeof cell === 'number' ? number(cell) : cell, typeof cell === 'number' ? 'number' : '');
      });
    });
    return t;
  }
  // A table behind a plot, made when it is opened.
  function tableBehind(parent, head, rows) {
    var d = make(parent, 'details');
    make(d, 'summary', 'as a table (' + rows.length + ' rows)');
    d.addEventListener('toggle', function () {
      if (d.open && d.children.length === 1)
        table(d, head, rows.map(function (r) {
          return [time(+r[0])].concat(r.slice(1).map(function (v) { return Array.isArray(v) ? v[1] : v === null ? '' : v; }));
        }));
    });
  }
  var joining = false;
  function zoomTogether(graph) {
    if (joining) return;
    joining = true;
    var range = graph.xAxisRange();
    plots.forEach(function (p) { if (p !== graph) p.updateOptions({ dateWindow: range }); });
    joining = false;
  }
  // Keys as the mouse: + and - zoom, arrows move, 0 or Escape shows all.
  function zoomByKey(graph, event) {
    var all = graph.xAxisExtremes(), shown = graph.xAxisRange(), span = shown[1] - shown[0], middle = (shown[0] + shown[1]) / 2;
    var move = { ArrowLeft: -span / 4, ArrowRight: span / 4 }[event.key];
    var zoom = { '+': 0.5, '=': 0.5, '-': 2 }[event.key];
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (zoom) span *= zoom;
    else if (move) middle += move;
    else if (event.key === '0' || event.key === 'Escape') span = all[1] - all[0];
    else return;
    event.preventDefault();
    span = Math.min(span, all[1] - all[0]);
    middle = Math.min(Math.max(middle, all[0] + span / 2), all[1] - span / 2);
    graph.updateOptions({ dateWindow: [middle - span / 2, middle + span / 2] });
    zoomTogether(graph);
  }
  function draw(parent, title, cls, rows, labels, options) {
    var div = make(parent, 'div', null, 'plot ' + (cls || ''));
    div.setAttribute('role', 'img');
    div.setAttribute('aria-label', title + ': a plot over time; the same as a table stands below');
    div.tabIndex = 0;
    var ink = getComputedStyle(document.documentElement);
    var all = {
      colors: matchMedia('(prefers-color-scheme: dark)').matches ? ['#6cb6ff', '#f0a060', '#8ddb8c', '#dcbdfb', '#f47067', '#daaa3f'] :
        ['#0860ca', '#b35900', '#1a7f37', '#8250df', '#cf222e', '#7d4e00'],
      labels: labels, labelsUTC: true, legend: 'follow', connectSeparatedPoints: true, strokeWidth: 1.2,
      axisLineColor: ink.getPropertyValue('--line').trim(), gridLineColor: ink.getPropertyValue('--line').trim(),
      zoomCallback: function () { zoomTogether(this); }, includeZero: true, animatedZooms: false
    };
    Object.keys(options || {}).forEach(function (k) { all[k] = options[k]; });
    var graph = new Dygraph(div, rows, all);
    plots.push(graph);
    div.addEventListener('keydown', function (event) { zoomByKey(graph, event); });
    tableBehind(parent, labels, rows);
    return graph;
  }
  // Series with bins of different lengths in one table: a row for each time that one of them has.
  function join(series) {
    var at = {};
    series.forEach(function (s, n) {
      s.values.forEach(function (v, i) {
        var t = s.start + i * s.bin;
        (at[t] = at[t] || new Array(series.length).fill(null))[n] = v;
      });
    });
    return Object.keys(at).map(Number).sort(function (a, b) { return a - b; }).map(function (t) {
      return [new Date(t)].concat(at[t]);
    });
  }
  function nearest(rows, t) {
    var low = 0, high = rows.length - 1;
    while (low < high) {
      var middle = (low + high + 1) >> 1;
      if (+rows[middle][0] <= t) low = middle; else high = middle - 1;
    }
    return rows[low][0];
  }
  function annotate(graph, rows, series) {
    var letters = { loss: 'L', error: 'E', state: 'S', note: 'N' };
    graph.setAnnotations(data.marks.slice(0, 200).map(function (m) {
      var s = series.filter(function (x) { return x.channel === m.channel; })[0] || series[0];
      return { series: s.name, x: +nearest(rows, m.t), shortText: letters[m.kind], cssClass: m.kind, attachAtBottom: true,
               text: time(m.t) + ' ' + (names[m.channel] || '') + ': ' + m.text };
    }));
  }
  // The rate of the last stretch is of that part of it which the log covers; of too small a part there are none.
  function whole(series) {
    return series.map(function (x) {
      var last = x.values.length - 1, covered = (data.end - (x.start + last * x.bin)) / x.bin;
      if (last < 1 || covered >= 1) return x;
      return { name: x.name, channel: x.channel, start: x.start, bin: x.bin, values: x.values.map(function (v, i) {
        return i < last ? v : covered < 0.2 ? null : v / covered;
      }) };
    });
  }
  function plotOf(title, series, unit, marks) {
    if (!series.length) return;
    var s = section(title), rows = join(series);
    var graph = draw(s, title, '', rows, ['time (UTC)'].concat(series.map(function (x) { return x.name; })), { ylabel: unit });
    if (marks) annotate(graph, rows, series);
  }
  function bits(id) {
    var bytes = id.bits.length / 8, c = make(null, 'canvas', null, 'bits');
    var hot = getComputedStyle(document.documentElement).getPropertyValue('--hot').trim();
    var cell = bytes > 8 ? 2 : 5;
    c.width = Math.max(1, bytes * (8 * cell + 2));
    c.height = 12;
    var g = c.getContext('2d');
    for (var i = 0; i < id.bits.length; i++) {
      var heat = +id.bits[i];
      g.fillStyle = heat ? 'rgba(' + hot + ',' + (0.2 + heat * 0.088) + ')' : 'rgba(128,128,128,0.15)';
      g.fillRect(Math.floor(i / 8) * (8 * cell + 2) + (i % 8) * cell, 0, cell - 1, 12);
    }
    c.setAttribute('role', 'img');
    c.setAttribute('aria-label', 'how often each bit changes, 0 never to 9 always: ' + id.bits.replace(/(.{8})/g, '$1 '));
    c.title = id.bits.replace(/(.{8})/g, '$1 ');
    return c;
  }

  document.title = data.recording + ' - canp report';
  make(main, 'h1', data.recording);
  var facts = make(main, 'dl', null, 'facts');
  function fact(name, value) { var d = make(facts, 'div'); make(d, 'dt', name); make(d, 'dd', value); }
  fact('frames', number(data.frames));
  fact('lost', number(data.lost));
  fact('from', time(data.start));
  fact('for', number((data.end - data.start) / 1000) + ' s');
  fact('IDs', number(data.id_count));
  fact('format', data.format);

  table(section('Interfaces'), ['interface', 'bit/s', 'frames', 'lost', 'error frames'], data.ifaces.map(function (i) {
    return [i.name, i.bitrate || '-', i.frames, i.lost, i.errors];
  }));
  plotOf('Frames per second', whole(data.rate), 'frames/s', true);
  plotOf('Bus load', whole(data.load), '%', false);
  plotOf('Error frames', data.errors, 'frames', false);

  if (data.marks.length) {
    var m = section('Losses, error frames, states, notes');
    table(m, ['time', 'interface', 'what', ''], data.marks.map(function (x) { return [time(x.t), names[x.channel] || '', x.kind, x.text]; }));
    if (data.more_marks) make(m, 'p', 'and ' + number(data.more_marks) + ' more', 'faint');
  }

  var worst = [];
  data.load.concat(data.errors).forEach(function (s) {
    var top = 0;
    s.values.forEach(function (v, i) { if (v > s.values[top]) top = i; });
    worst.push([time(s.start + top * s.bin), s.name, (data.load.indexOf(s) >= 0 ? 'highest load: ' + number(s.values[top]) + ' %' :
      'most error frames: ' + number(s.values[top])) + ' in ' + number(s.bin / 1000) + ' s']);
  });
  data.marks.filter(function (x) { return x.weight; }).sort(function (a, b) { return b.weight - a.weight; }).slice(0, 5).forEach(function (x) {
    worst.push([time(x.t), names[x.channel] || '', x.text]);
  });
  data.ids.filter(function (i) { return i.count > 20 && i.longest > 3 * i.period; }).sort(function (a, b) {
    return b.longest / b.period - a.longest / a.period;
  }).slice(0, 10).forEach(function (i) {
    worst.push([time(i.longest_at), names[i.channel] || '', 'ID ' + i.id + ' was silent for ' + number(i.longest) + ' ms; its period is ' + number(i.period) + ' ms']);
  });
  if (worst.length) table(section('Worst moments'), ['time', 'interface', 'what'], worst);

  if (data.signals.length) {
    var s = section('Signals');
    make(s, 'p', 'Mean, lowest and highest value of each stretch of time. Drag to zoom all plots, double click to see all.' +
      ' With the keyboard: Tab to a plot, + and \u2212 zoom, arrows move, 0 shows all.', 'faint');
    data.signals.forEach(function (g) {
      var rows = g.points.map(function (p) { return [new Date(g.start + p[0] * g.bin), [p[1], p[2], p[3]]]; });
      make(s, 'h3', g.name + (g.unit ? ' [' + g.unit + ']' : ''));
      draw(s, g.name, 'signal', rows, ['time (UTC)', g.name], { customBars: true, includeZero: false, ylabel: g.unit });
    });
    if (data.more_values) make(s, 'p', 'Further signals are left out (' + number(data.more_values) + ' values).', 'faint');
  }

  var ids = section('IDs', 'ids');
  table(ids, ['interface', 'ID', 'kind', 'frames', 'period ms', 'jitter ms', 'longest ms', 'last data', 'bits that change', 'guesses'],
    data.ids.map(function (i) {
      var last = make(null, 'code', i.last.replace(/(..)/g, '$1 '));
      return [names[i.channel] || '', i.id, i.kind, i.count, i.period, i.jitter, i.longest, last, bits(i), i.guess];
    }));
  if (data.id_count > data.ids.length) make(ids, 'p', 'and ' + number(data.id_count - data.ids.length) + ' more IDs', 'faint');
  make(main, 'p', 'Made by canp ' + data.version + '. Times are UTC, with clock steps taken out.', 'faint');
  document.body.setAttribute('data-plots', plots.map(function (p) { return p.numRows(); }).join(' '));
})();
