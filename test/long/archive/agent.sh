# Carries out what comes on standard input, one line each: a number and a script in base64. Answers with the number, the
# exit code, and what the script printed, in base64.
mkdir -p /run/agent
echo ready
while read -r number script; do
  printf %s "$script" | base64 -d >/run/agent/script
  bash /run/agent/script >/run/agent/said 2>&1 </dev/null
  printf 'answer %s %s %s\n' "$number" "$?" "$(base64 -w0 /run/agent/said)"
done
