-- Prints for each line of the file in EXPRESSIONS which frames it selects: number of the line, tab, frames.
local number = 0
for expression in io.lines(os.getenv("EXPRESSIONS")) do
  number = number + 1
  local line = number
  local is_good, tap = pcall(Listener.new, "frame", expression)
  if is_good then
    local frames = {}
    function tap.packet(pinfo) frames[#frames + 1] = pinfo.number end
    function tap.draw() io.stdout:write(line .. "\t" .. table.concat(frames, ",") .. "\n") end
  else
    local text = tostring(tap):gsub("[\r\n]+", " ")
    io.stdout:write(line .. "\tERROR " .. text .. "\n")
  end
end
