#!/bin/sh
# One of these for each connection: three processes that hand lines on, the last of which counts in a file and says how
# many lines it has handed out itself.
sed -u 's/^/asked: /' | sed -u 's/^asked: //' | {
  said=0
  while read -r line; do
    read -r count <counter
    if [ "$line" = work ]; then
      count=$((count + 1))
      echo "$count" >counter.new
      mv counter.new counter
    fi
    said=$((said + 1))
    echo "$count $said"
  done
}
