# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the page looks: colours for light and dark, and the style sheet that uses them.

No state is told by colour alone: each has a shape, a pattern of lines and a word as well (page_marks.py).
"""

from __future__ import annotations

from collections.abc import Mapping

# By scheme: the page's colours by what they are for. C(x-tint) is a ground on which C(x) is legible, and so is C(text).
PALETTE: Mapping[str, Mapping[str, str]] = {
    "light": {
        "ground": "#f6f7f9",
        "surface": "#ffffff",
        "text": "#1b2330",
        "muted": "#556070",
        "line": "#d5dae2",
        "link": "#0b5cad",
        "ok": "#17694a",
        "ok-tint": "#e4f3ec",
        "unknown": "#5a4b86",
        "unknown-tint": "#eeebf8",
        "warning": "#8a5300",
        "warning-tint": "#fdf0d9",
        "error": "#a81e1e",
        "error-tint": "#fde7e5",
    },
    "dark": {
        "ground": "#11161d",
        "surface": "#1a212b",
        "text": "#e7ebf1",
        "muted": "#a3adbb",
        "line": "#37414f",
        "link": "#7db7f5",
        "ok": "#6fcfa4",
        "ok-tint": "#173529",
        "unknown": "#bbacec",
        "unknown-tint": "#2b2542",
        "warning": "#f2b84b",
        "warning-tint": "#3b2c0f",
        "error": "#ff938a",
        "error-tint": "#471d1c",
    },
}

_SHEET = """
*{box-sizing:border-box}
html{scroll-behavior:smooth;scroll-padding-top:1rem}
body{margin:0;background:var(--ground);color:var(--text);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,
"Helvetica Neue","DejaVu Sans",sans-serif}
main,header,footer{max-width:76rem;margin:0 auto;padding:0 1.5rem}
header{padding-top:2rem;display:flex;flex-wrap:wrap;gap:.5rem 2rem;align-items:center;justify-content:space-between}
h1{font-size:1.75rem;line-height:1.2;margin:0;letter-spacing:-.01em}
h2{font-size:1.2rem;margin:2.25rem 0 .75rem}
h3{font-size:1rem;margin:1.25rem 0 .4rem}
p{margin:.35rem 0}
a{color:var(--link)}
a:focus-visible,summary:focus-visible,input:focus-visible{outline:3px solid var(--link);outline-offset:2px}
code,.id{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;font-size:.875em;
overflow-wrap:anywhere}
.muted{color:var(--muted)}
.small{font-size:.875rem}
.panel{background:var(--surface);border:1px solid var(--line);border-radius:12px;padding:1rem 1.25rem}
.skip{position:absolute;left:-999px}
.skip:focus{left:1rem;top:1rem}
.state{display:inline-flex;gap:.45em;align-items:center;white-space:nowrap;font-weight:600}
.state svg{width:1.15em;height:1.15em;flex:none}
.whole{font-size:1.15rem;padding:.5rem 1rem;border-radius:999px;border:2px solid currentColor}
.counts{display:grid;grid-template-columns:repeat(auto-fit,minmax(8.5rem,1fr));gap:.75rem;margin:1.25rem 0 0}
.counts div{background:var(--surface);border:1px solid var(--line);border-radius:12px;padding:.65rem 1rem}
.counts dt{color:var(--muted);font-size:.875rem}
.counts dd{margin:0;font-size:1.5rem;font-weight:650;line-height:1.25;font-variant-numeric:tabular-nums}
.picture{overflow-x:auto;padding:1rem}
.picture svg{display:block;margin:0 auto;max-width:100%;height:auto}
.legend{display:grid;grid-template-columns:repeat(auto-fit,minmax(17rem,1fr));gap:.4rem 1rem;margin:.75rem 0 0;
padding:0;list-style:none;font-size:.875rem}
.legend li{display:flex;gap:.5rem;align-items:center}
table{border-collapse:collapse;width:100%;font-size:.9375rem}
caption{text-align:left;color:var(--muted);font-size:.875rem;padding:0 0 .4rem}
th,td{text-align:left;vertical-align:top;padding:.5rem .75rem;border-top:1px solid var(--line);
overflow-wrap:break-word}
thead th{color:var(--muted);font-weight:600;font-size:.8125rem;border-top:0;border-bottom:2px solid var(--line)}
tbody th{font-weight:600}
td.number,th.number{text-align:right;font-variant-numeric:tabular-nums}
.scroll{overflow-x:auto}
details{border-top:1px solid var(--line)}
details.cluster{background:var(--surface);border:1px solid var(--line);border-radius:12px;margin:.6rem 0}
summary{cursor:pointer;padding:.35rem 0}
.cluster>summary{padding:.75rem 1.25rem;display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;align-items:center;
list-style:none}
.cluster>summary::-webkit-details-marker{display:none}
.cluster>summary::before{content:"\\25B8";color:var(--muted)}
.cluster[open]>summary::before{content:"\\25BE"}
.cluster>summary b{font-size:1.05rem;overflow-wrap:anywhere}
.cluster>.body{padding:0 1.25rem 1rem;border-top:1px solid var(--line)}
td>details,.finding details{border:0}
tr.more>td{border-top:0;padding-top:0}
tr.more>td>details[open]{border-left:3px solid var(--line);padding:.25rem 0 .5rem 1rem}
td summary{padding:0;color:var(--link)}
dl.facts{display:grid;grid-template-columns:minmax(7rem,max-content) 1fr;gap:.25rem 1.25rem;margin:.75rem 0}
dl.facts dt{color:var(--muted)}
dl.facts dd{margin:0;overflow-wrap:anywhere}
ul.plain{list-style:none;margin:.25rem 0;padding:0}
td ul.plain,dd ul.plain{margin:0}
ul.plain li{overflow-wrap:break-word}
.finding{background:var(--surface);border:1px solid var(--line);border-left-width:6px;border-radius:8px;
padding:.7rem 1rem;margin:.6rem 0;break-inside:avoid}
.finding p{overflow-wrap:anywhere}
.finding .head{display:flex;flex-wrap:wrap;gap:.2rem 1rem;align-items:center}
.level-error{color:var(--error)}.level-warning{color:var(--warning)}
.level-unknown{color:var(--unknown)}.level-ok{color:var(--ok)}
.finding.is-error{border-left-color:var(--error)}
.finding.is-warning{border-left-color:var(--warning);border-left-style:dashed}
.finding.is-unknown{border-left-color:var(--unknown);border-left-style:dotted}
.only{display:inline-flex;gap:.5rem;align-items:center;margin:.25rem 0}
.only input{width:1.1rem;height:1.1rem}
body:has(#only:checked) .is-ok{display:none}
:target{outline:3px solid var(--link);outline-offset:2px;border-radius:8px}
footer{padding:2rem 1.5rem 3rem;color:var(--muted);font-size:.875rem}

svg text{font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue","DejaVu Sans",sans-serif;
fill:var(--text)}
svg .quiet{fill:var(--muted)}
svg a{text-decoration:none}
svg a:hover .box,svg a:focus .box,svg a:hover .wire{stroke-width:4}
.box{fill:var(--surface);stroke:currentColor;stroke-width:2}
.box.unknown{stroke-dasharray:2 5;stroke-linecap:round}
.box.warning{stroke-dasharray:9 5}
.box.error{stroke-width:3.5}
.label .box.unknown,.card .box.unknown{fill:var(--unknown-tint)}
.label .box.warning,.card .box.warning{fill:var(--warning-tint)}
.label .box.error,.card .box.error{fill:var(--error-tint)}
.wire{fill:none;stroke:currentColor;stroke-width:2.25}
.wire.unknown{stroke-dasharray:.1 6.5;stroke-linecap:round;stroke-width:3}
.wire.warning{stroke-dasharray:11 6}
.wire.error{stroke-width:4.5;stroke-dasharray:13 4 2 4}
.head{fill:currentColor}
.cell.ok{fill:var(--ok-tint)}.cell.unknown{fill:var(--unknown-tint)}
.cell.warning{fill:var(--warning-tint)}.cell.error{fill:var(--error-tint)}
.cell{stroke:var(--line);stroke-width:1}
.cell.none{fill:none;stroke-dasharray:none}
.self{fill:var(--line)}
.mark-ground{fill:var(--surface)}
.mark-line{fill:none;stroke:currentColor;stroke-width:2;stroke-linecap:round;stroke-linejoin:round}
.mark-full{fill:currentColor}
.mark-inner{fill:none;stroke:var(--surface);stroke-width:2.2;stroke-linecap:round;stroke-linejoin:round}
.mark-dot{fill:var(--surface)}

@media screen and (max-width:40rem){
.picture svg{max-width:none}
main,header,footer{padding-left:1rem;padding-right:1rem}
dl.facts{grid-template-columns:1fr}
}
@media print{
:root{color-scheme:light}
body{background:#fff;font-size:10.5pt}
table{font-size:9pt}
th,td{padding:.3rem .45rem}
.skip,.only{display:none}
main,header,footer{max-width:none;padding-left:0;padding-right:0}
.panel,.counts div,details.cluster,.finding{border-color:#999}
details.cluster::details-content{content-visibility:visible;display:block;height:auto}
thead{display:table-header-group}
tr,.finding{break-inside:avoid}
h2,h3{break-after:avoid}
a{color:inherit;text-decoration:none}
}
@page{margin:14mm}
"""


def style_sheet() -> str:
    """The style sheet; dark where the reader's system is, and always light on paper."""
    light, dark = (_variables(PALETTE[scheme]) for scheme in ("light", "dark"))
    return (
        f":root{{color-scheme:light dark;{light}}}"
        f"@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}"
        f"{_SHEET}"
    )


def _variables(colours: Mapping[str, str]) -> str:
    return "".join(f"--{name}:{colour};" for name, colour in colours.items())
