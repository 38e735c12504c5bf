"""Mathematics as MathML, which browsers draw by themselves: no script, no fonts, no network."""

import re

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml


def mathml(tex, as_block):
    formula = tex2mathml(tex, as_block=as_block)
    # "log x" has a space, which docutils leaves to the browser, and browsers leave out.
    return re.sub(r"<mo>&ApplyFunction;</mo>(?=\s*<m[ins])", '<mspace width="0.17em"/>', formula)


def visit_inline(writer, node):
    writer.body.append(mathml(node.astext(), as_block=False))
    raise nodes.SkipNode


def visit_block(writer, node):
    writer.body.append(f'<div class="formula">{mathml(node.astext(), as_block=True)}</div>\n')
    raise nodes.SkipNode


def setup(app):
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_block, None))
    app.config.html_math_renderer = "mathml"
    return {"parallel_read_safe": True, "parallel_write_safe": True}
