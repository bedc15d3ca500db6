"""UNIPEN: digits that people wrote on tablets, drawn as pens write them and scanners see them."""
