-- What pandoc's Typst writer does not know, or would leave out without a word:
--   @fig-x, @tbl-x, @eq-x, @sec-x           references (any other @key is a citation)
--   ![caption](file){#fig-x placement=top}  a figure that floats near its text, described for PDF/UA;
--                    source="..." href="..."  and after its caption, small and grey, where it was drawn
--   $$...$$ {#eq-x}                         a numbered equation
--   [text]{.grey}                           grey text
--   # References                            the bibliography
--   # Title {.appendix}                     the beginning of the appendix
--   # Title {.flush}                        a chapter that begins after all figures of those before it

local OURS = { fig = true, tbl = true, eq = true, sec = true }
local LONG_TABLE = 24 -- rows; a longer one may break across pages

local function typ(text) return pandoc.RawInline("typst", text) end
local function block(text) return pandoc.RawBlock("typst", text) end
local function quoted(text) return '"' .. text:gsub('[\\"]', "\\%0"):gsub("%s+", " ") .. '"' end

local function stop(text)
  io.stderr:write(text)
  os.exit(1)
end

local function raw(element)
  if element.format == "html" and element.text:match("^%s*<!%-%-.*%-%->%s*$") then return {} end
  if element.format ~= "typst" then
    local cure = element.format:match("tex") and "between dollars if it is maths" or "in Markdown"
    stop("raw " .. element.format .. ", " .. element.text .. ", would be lost: write it " .. cure)
  end
end
RawInline, RawBlock = raw, raw

function Cite(cite)
  local out = pandoc.List()
  for i, one in ipairs(cite.citations) do
    local reference = OURS[one.id:match("^(%a+)%-") or ""]
    if reference and i > 1 then out:insert(typ(", ")) end
    out:extend(one.prefix) -- pandoc would drop it
    if #one.prefix > 0 then out:insert(pandoc.Space()) end
    one.prefix = {}
    out:insert(reference and typ("#ref(<" .. one.id .. ">)") or pandoc.Cite({}, { one }))
    if reference then out:extend(one.suffix) end
  end
  return out
end

-- every formula gets the words that PDF/UA asks for, one with a label its number
function Inlines(all)
  local out, i = pandoc.List(), 1
  while i <= #all do
    local one, label = all[i], nil
    if one.t == "Math" then
      local after = i + 1
      while all[after] and (all[after].t == "Space" or all[after].t == "SoftBreak") do after = after + 1 end
      label = all[after] and all[after].t == "Str" and all[after].text:match("^{#(eq%-[%w-]+)}$")
      local numbering = label and ', numbering: "(1)"' or ""
      out:insert(typ("#[#set math.equation(alt: " .. quoted(one.text) .. numbering .. ")\n"))
      out:extend({ one, typ((label and " <" .. label .. ">" or "") .. "]") })
      i = label and after or i
    elseif one.t == "Str" and one.text:match("{#%a+%-") then
      stop("a label out of place, " .. one.text .. ": put it after a heading, a figure or $$")
    else
      out:insert(one)
    end
    i = i + 1
  end
  return out
end

function Span(span)
  if span.classes:includes("grey") then return { typ("#grey["), span, typ("]") } end
end

function Figure(figure)
  local image
  figure:walk({ Image = function(found) image = found end })
  local start = '#floating(%s)[#figure(image(%s, width: %s, alt: %s), caption: ['
  local out = pandoc.List({ typ(start:format(image.attributes.placement or "auto", quoted(image.src),
    image.attributes.width or "auto", quoted(pandoc.utils.stringify(figure.caption.long)))) })
  out:extend(pandoc.utils.blocks_to_inlines(figure.caption.long))
  local source, href = image.attributes.source, image.attributes.href
  if source then out:insert(typ(" #source(" .. quoted(source) .. ", " .. (href and quoted(href) or "none") .. ")")) end
  out:insert(typ("])" .. (figure.identifier ~= "" and " <" .. figure.identifier .. ">]" or "]")))
  return pandoc.Plain(out)
end

-- numbered only with a caption
function Table(tbl)
  for _, spec in ipairs(tbl.colspecs) do
    if spec[1] == "AlignDefault" then spec[1] = "AlignLeft" end
  end
  local breakable = "breakable: " .. tostring(#tbl.bodies[1].body > LONG_TABLE)
  if #tbl.caption.long == 0 then
    tbl.classes:insert("typst:no-figure")
    return { block("#unnumbered(" .. breakable .. ")["), tbl, block("]") }
  end
  return { block("#[#show figure: set block(" .. breakable .. ")"), tbl, block("]") }
end

function Header(header)
  if pandoc.utils.stringify(header.content) == "References" then return block("#references[References]") end
  if header.classes:includes("appendix") then return { block("#show: appendix"), header } end
  if header.classes:includes("flush") then return { block("#place.flush()"), header } end
end
