"""Charts as SVG texts: horizontal bars and lines, on a logarithmic axis. The same data give the same text."""
import html
import math

WIDTH, LABEL, ROW, FONT = 760, 170, 26, 'font-family="sans-serif" font-size="13"'
COLOURS = "#1f6feb", "#d1242f", "#1a7f37", "#9a6700", "#8250df", "#57606a"
STYLE = "<style>text{fill:#1f2328}.g{stroke:#d0d7de}.p{fill:#fff}@media(prefers-color-scheme:dark){text{fill:#e6edf3}.g{stroke:#30363d}.p{fill:#0d1117}}</style>"


def page(height, title, body):
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img" {FONT}>\n'
            f"<title>{html.escape(title)}</title>\n{STYLE}\n" + f'<rect class="p" width="{WIDTH}" height="{height}"/>\n'
            f'<text x="10" y="22" font-weight="bold">{html.escape(title)}</text>\n' + "\n".join(body) + "\n</svg>\n")


def decades(values):
    """The powers of ten around the values."""
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    return low, max(high, low + 1)


def spell(value):
    """A number for a label: 7,300,000 is 7.3 M, 0.0712 is 0.071."""
    for size, unit in (1e6, " M"), (1e4, " k"):
        if value >= size:
            scaled = value / (1e3 if unit == " k" else size)
            return f"{scaled:.3g}{unit}" if scaled < 1000 else f"{scaled:,.0f}{unit}"
    return f"{value:,.0f}" if value >= 100 else f"{value:.2g}" if value < 10 else f"{value:.3g}"


def bars(title, rows):
    """rows: (label, value, highlighted). A row without a value, or with 0, has no bar."""
    low, high = decades([value for _, value, _ in rows if value])
    left, right, top = LABEL + 10, WIDTH - 80, 40

    def at(value):
        return left + (right - left) * (math.log10(value) - low) / (high - low)

    body, bottom = [], top + ROW * len(rows)
    for power in range(low, high + 1):
        x = at(10**power)
        body.append(f'<line class="g" x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{bottom}"/>')
        body.append(f'<text x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">{spell(10**power)}</text>')
    for number, (label, value, highlighted) in enumerate(rows):
        y = top + ROW * number
        body.append(f'<text x="{LABEL}" y="{y + 18}" text-anchor="end">{html.escape(label)}</text>')
        if value:
            body.append(f'<rect x="{left}" y="{y + 4}" width="{at(value) - left:.1f}" height="{ROW - 8}" fill="{COLOURS[0 if highlighted else 5]}"/>')
        body.append(f'<text x="{(at(value) if value else left) + 6:.1f}" y="{y + 18}">{spell(value) if value else "–"}</text>')
    return page(bottom + 30, title, body)


def lines(title, series, across):
    """series: {name: [(x, y)]}; both axes are logarithmic. `across` names the x axis."""
    points = [point for line in series.values() for point in line]
    (left_power, right_power), (low, high) = decades([x for x, _ in points]), decades([y for _, y in points])
    left, right, top, bottom = 70, WIDTH - 20, 40 + 20 * ((len(series) + 2) // 3), 360

    def place(x, y):
        return (left + (right - left) * (math.log10(x) - left_power) / (right_power - left_power),
                bottom - (bottom - top) * (math.log10(y) - low) / (high - low))

    body = []
    for power in range(left_power, right_power + 1):
        x, _ = place(10**power, 10**low)
        body.append(f'<line class="g" x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{bottom}"/>')
        body.append(f'<text x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">{spell(10**power)}</text>')
    for power in range(low, high + 1):
        _, y = place(10**left_power, 10**power)
        body.append(f'<line class="g" x1="{left}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>')
        body.append(f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{spell(10**power)}</text>')
    for number, (name, line) in enumerate(series.items()):
        colour = COLOURS[number % len(COLOURS)]
        drawn = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*point) for point in line))
        body.append(f'<polyline points="{drawn}" fill="none" stroke="{colour}" stroke-width="2"/>')
        body += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in (place(*point) for point in line)]
        x, y = left + 230 * (number % 3), 40 + 20 * (number // 3)
        body.append(f'<rect x="{x}" y="{y - 9}" width="12" height="12" fill="{colour}"/><text x="{x + 18}" y="{y + 2}">{html.escape(name)}</text>')
    body.append(f'<text x="{(left + right) / 2}" y="{bottom + 38}" text-anchor="middle">{html.escape(across)}</text>')
    return page(bottom + 50, title, body)
