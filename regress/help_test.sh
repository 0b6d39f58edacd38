#!/usr/bin/env atf-sh
# What --help names, the manual describes and each shell completes, and nothing
# else completes.
. "$(atf_get_srcdir)/lib.sh"

SHELLS="bash zsh fish"

# The programs' words: qvm-remote.words, qvm-remote-dom0.words and so on.
list_words() {
    export PATH="$BUILD/client:$BUILD/admin:$BUILD/webui:$PATH" HOME="$PWD/home"
    mkdir -p home none
    python3 "$regress/help_words.py" list qvm-remote >qvm-remote.words ||
        atf_fail "qvm-remote --help"
    python3 "$regress/help_words.py" list qvm-remote-dom0 \
        --root "$PWD/none" >qvm-remote-dom0.words ||
        atf_fail "qvm-remote-dom0 --help"
    python3 "$regress/help_words.py" list qvm-remote-webui \
        >qvm-remote-webui.words || atf_fail "qvm-remote-webui --help"
    [ "$(cat ./*.words | wc -l)" -gt 70 ] || atf_fail "too few words"
}

install_completions() {
    make -s -C "$TREE" BUILD="$BUILD" PREFIX=/usr DESTDIR="$PWD/root" \
        install-completion-qvm-remote install-completion-qvm-remote-dom0 \
        install-completion-qvm-remote-webui ||
        atf_fail "not installed"
}

# offers_of SHELL <LINES: a line LINE<TAB>WORD for each word that is offered.
offers_of() {
    dir=$PWD/root/usr/share
    mkdir -p empty
    (cd empty && case $1 in
    bash) bash "$regress/complete.bash" "$dir/bash-completion/completions" ;;
    zsh) zsh -f "$regress/complete.zsh" "$dir/zsh/site-functions" ;;
    fish) fish --no-config "$regress/complete.fish" \
        "$dir/fish/vendor_completions.d" ;;
    esac) | grep . | sort -u
}

# What is typed before a word: a - where it is an option.
lines() {
    awk -F '\t' -v program="$1" '{
        print program " " ($1 == "" ? "" : $1 " ") ($2 ~ /^-/ ? "-" : "") "\t" $2
    }' "$1.words"
}

atf_test_case what_help_names_is_in_the_manual
what_help_names_is_in_the_manual_head() {
    atf_set require.user root
}
what_help_names_is_in_the_manual_body() {
    list_words
    for page in qvm-remote.1 qvm-remote-dom0.8 qvm-remote-webui.8; do
        atf_check -o empty python3 "$regress/help_words.py" missing \
            "$TREE/man/$page" <"${page%.*}.words"
    done
}

atf_test_case what_is_not_in_the_manual_is_named
what_is_not_in_the_manual_is_named_body() {
    printf '\t--new\n\tfly\nkey\tsell\nkey show\t--all\n\t-t\nping\t-c\n' >words
    atf_check -o inline:'--new\nfly\nkey sell\nkey show --all\n' \
        python3 "$regress/help_words.py" missing "$TREE/man/qvm-remote.1" \
        <words
}

atf_test_case what_help_names_completes_and_nothing_else
what_help_names_completes_and_nothing_else_head() {
    atf_set require.user root
    atf_set require.progs "$SHELLS"
}
what_help_names_completes_and_nothing_else_body() {
    list_words
    install_completions
    for program in qvm-remote qvm-remote-dom0 qvm-remote-webui; do
        lines $program | sort >want
        cut -f 1 want | sort -u >typed
        for shell in $SHELLS; do
            # What a program names nothing of must complete as nothing, too.
            offers_of $shell <typed >have
            comm -23 want have | sed "s/^/$shell does not complete: /
                s,\$,: add its line of --help to completion/$program," >wrong
            comm -13 want have |
                sed "s/^/$shell completes what --help does not name: /" >>wrong
            [ ! -s wrong ] || {
                cat wrong >&2
                atf_fail "$(head -n 1 wrong | tr '\t' ' ')"
            }
        done
    done
}

atf_test_case words_of_help_are_found_in_each_of_its_forms
words_of_help_are_found_in_each_of_its_forms_body() {
    cat >program <<'END'
#!/bin/sh
case $* in
--help) cat <<'TEXT'
usage: program [--not-looked-at]

  -x, --long=ARG  what it is for
      --other     --not-this

  key show [--all] [-n N]   show the key
  policy         check [VM]
                  looks at [--nothing]
  queue          [status|clean] [--json]
                  shows it
TEXT
    ;;
'--root / key show --help')
    printf 'usage: program key show [--all] [-q]\n  -z, --zed  it\n  -h, --help\n'
    ;;
*) echo --never; exit 2 ;;
esac
END
    chmod 755 program
    sort >want <<'END'
 -x
 --long
 --other
 key
 policy
 queue
key show
key show --all
key show -n
key show -q
key show -z
key show --zed
policy check
queue status
queue clean
queue --json
END
    python3 "$regress/help_words.py" list ./program --root / |
        tr '\t' ' ' | sort >have
    atf_check diff want have
}

# completes LINE WORD...: exactly these, in each shell.
completes() {
    line=$1
    shift
    for word; do printf '%s\n' "$word"; done | sort | grep . >want
    for shell in $SHELLS; do
        printf '%s\n' "$line" | offers_of $shell | cut -f 2 >have
        cmp -s want have || {
            cat have >&2
            atf_fail "$shell: $line: not $*"
        }
    done
}

atf_test_case values_complete_as_what_they_are
values_complete_as_what_they_are_head() {
    atf_set require.progs "$SHELLS"
}
values_complete_as_what_they_are_body() {
    export PATH="$PWD/bin:$BUILD/client:$BUILD/admin:$PATH" HOME="$PWD/home"
    install_completions
    id=20260218-143022-1234-a1b2c3d4
    later=20260218-150000-1-00000000
    mkdir -p bin empty home/.qvm-remote/queue/running \
        "home/.qvm-remote/history/2026-02-18/$id"
    : >"home/.qvm-remote/queue/running/$later.auth"
    : >'home/.qvm-remote/queue/running/$(touch x).auth'
    : >empty/notes
    printf '#!/bin/sh\nprintf "%%s\\n" dom0 work sys-usb "$(id)" "a b" "-rf"\n' \
        >bin/qvm-ls
    chmod 755 bin/qvm-ls
    completes 'qvm-remote wait ' $id $later
    completes "qvm-remote wait $id 20260218-15" $later
    completes 'qvm-remote history show 20260218-14' $id
    completes "qvm-remote cancel $id " ''
    completes 'qvm-remote-dom0 revoke ' work sys-usb
    completes 'qvm-remote-dom0 revoke w' work
    completes 'qvm-remote-dom0 --vm work --vm s' sys-usb
    completes 'qvm-remote-dom0 log --vm ' work sys-usb
    completes 'qvm-remote-dom0 log verify --key n' notes
    completes 'qvm-remote --input n' notes
    # A number, and what dom0 is to run, are not for us to say.
    completes 'qvm-remote -t ' ''
    completes 'qvm-remote -t 5 ke' key
    completes 'qvm-remote ls n' ''
    completes 'qvm-remote -- ke' ''
    completes 'qvm-remote --no-shell ke' ''
    completes 'qvm-remote -q --no-shell ls ke' ''
    atf_check test ! -e empty/x
}

atf_init_test_cases() {
    atf_add_test_case what_help_names_is_in_the_manual
    atf_add_test_case what_is_not_in_the_manual_is_named
    atf_add_test_case words_of_help_are_found_in_each_of_its_forms
    atf_add_test_case what_help_names_completes_and_nothing_else
    atf_add_test_case values_complete_as_what_they_are
}
