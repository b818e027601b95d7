# shellcheck shell=sh
# Shared by the scripts that people start: where we are, one line for each long step.
#
# POSIX sh and coreutils only: a fresh machine has nothing else before install-deps has run.
# Sourced with $0 being a script in scripts/; changes to the project's top folder.

cd "$(dirname "$0")/.." || exit 1
O=${O:-build}
LOGS=$O/log
mkdir -p "$LOGS"

say() { printf '%s\n' "$*"; }
fail() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }

# Ends a process and everything below it.
end_tree() {
	for child in $(cat "/proc/$1/task/"*/children 2>/dev/null); do end_tree "$child"; done
	kill "$1" 2>/dev/null
}

# step TEXT COMMAND...: runs it with its output in a log, shows TEXT with the seconds that went by:
# a line that moves on a terminal, else a line at the begin, every half a minute and at the end.
# When COMMAND fails, shows the end of its log and returns its status.
step() {
	step_text=$1; shift
	step_log=$LOGS/$(printf '%s' "$step_text" | tr -c 'A-Za-z0-9\n' '-' | cut -c 1-60).log
	step_begin=$(date +%s)
	[ -t 1 ] || say "... $step_text"
	"$@" >"$step_log" 2>&1 </dev/null &
	step_pid=$!
	trap 'end_tree "$step_pid"; exit 130' INT TERM HUP
	step_ticks=0
	while kill -0 "$step_pid" 2>/dev/null; do
		sleep 0.2
		step_ticks=$((step_ticks + 1))
		if [ -t 1 ]; then
			printf '\r... %s  %ss ' "$step_text" $(($(date +%s) - step_begin))
		elif [ $((step_ticks % 150)) -eq 0 ]; then
			say "... $step_text  $(($(date +%s) - step_begin))s"
		fi
	done
	wait "$step_pid"; step_status=$?
	trap - INT TERM HUP
	[ -t 1 ] && printf '\r'
	if [ "$step_status" -eq 0 ]; then
		say "    $step_text  $(($(date +%s) - step_begin))s   "
	else
		say "!!! $step_text: failed with status $step_status after $(($(date +%s) - step_begin))s; the end of $step_log:"
		tail -n 25 "$step_log" | sed 's/^/    | /'
	fi
	return "$step_status"
}
