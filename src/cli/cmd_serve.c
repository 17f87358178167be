/* cmd_serve.c - guerdon serve. */
#include "cli/cli.h"

#if HAVE_MICROHTTPD

#include "cli/adapters.h"
#include "cli/run.h"
#include "serve/server.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { MAX_QUEUE = 65536, MAX_CONNECTIONS = 8192, TIMEOUT = 60, PORT = 8080, FILES_BESIDE = 64 };

static int read_port(const char *text, unsigned *port)
{
    char *end = NULL;
    const unsigned long number = text ? strtoul(text, &end, 10) : PORT;

    if (text && (!*text || *end || strspn(text, "0123456789") != strlen(text) || number > 65535)) {
        cli_say("--port is \"%s\", but a number from 0 to 65535 is expected", text);
        return CLI_USAGE;
    }
    *port = (unsigned)number;
    return CLI_OK;
}

/* Each connection takes a file: as many as the system allows. */
static size_t connections(size_t wanted)
{
    struct rlimit files;
    const size_t most = wanted ? wanted : MAX_CONNECTIONS;

    if (getrlimit(RLIMIT_NOFILE, &files))
        return most;
    if (files.rlim_cur < files.rlim_max) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    if (files.rlim_cur > FILES_BESIDE && most > files.rlim_cur - FILES_BESIDE)
        return (size_t)files.rlim_cur - FILES_BESIDE;
    return most;
}

static sv_settings settings_of(const cli_settings *s, const cli_adapters *adapters)
{
    return (sv_settings){
        .host = s->host ? s->host : "127.0.0.1",
        .name = s->served_name,
        .adapters = adapters->names,
        .adapter_count = adapters->count,
        .key_file = s->key_file,
        .cert = s->tls_cert,
        .key = s->tls_key,
        .max_queue = s->max_queue ? s->max_queue : MAX_QUEUE,
        .max_body = s->max_body ? s->max_body : 32u << 20,
        .max_connections = connections(s->max_connections),
        .timeout = s->timeout ? s->timeout : TIMEOUT,
    };
}

/* The first signal ends the wait, a second one the program's patience. */
static volatile sig_atomic_t signals;

static void on_signal(int number)
{
    (void)number;
    signals++;
}

static bool hurry(void) { return signals > 1; }

/* Before any thread is started: all but this one have the signals blocked, and this one while it does not wait. */
static void watch_signals(void)
{
    struct sigaction action = { 0 };
    sigset_t ends;

    action.sa_handler = on_signal;
    (void)sigemptyset(&action.sa_mask);
    (void)sigemptyset(&ends);
    (void)sigaddset(&ends, SIGINT);
    (void)sigaddset(&ends, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &ends, NULL);
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    (void)signal(SIGPIPE, SIG_IGN); /* clients go away */
}

static void warn_if_exposed(const char *path)
{
    unsigned mode;

    if (path && sv_file_is_exposed(path, &mode))
        cli_say("warning: %s is open to other users of this machine (mode %03o), who could use its keys; chmod 600 "
                "leaves it to its owner",
                path, mode);
}

static int serve(const cli_settings *s, sv_server *server)
{
    sigset_t none;

    warn_if_exposed(s->key_file);
    warn_if_exposed(s->tls_key);
    if (sv_server_is_exposed(server))
        cli_say("warning: other machines can reach %s, and anyone who does may use the model; --api-key-file asks for "
                "a key",
                sv_server_url(server));
    printf("listening on %s\n", sv_server_url(server));
    if (cli_finish_output())
        cli_say("note: standard output can't be written to");
    (void)sigemptyset(&none);
    while (!signals)
        (void)sigsuspend(&none);
    if (!s->quiet)
        cli_say("answering what was accepted; a second signal ends the program at once");
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    return sv_server_close(server, hurry) ? CLI_OK : CLI_INTERRUPTED;
}

/* The first adapter is the model's own. */
static gd_status open_model(gd_model **model, const cli_settings *s, const cli_adapters *adapters, gd_error *err)
{
    gd_options options = s->options;

    options.adapter = adapters->dirs[0];
    options.more_adapters = adapters->dirs + 1;
    options.more_adapter_count = adapters->count ? adapters->count - 1 : 0;
    return gd_model_open(model, &options, err);
}

static int open_and_serve(const cli_settings *s, gd_model *model, const sv_settings *settings)
{
    gd_error err = { GD_OK, "" };
    sv_server *server;
    gd_status rc;
    int status;

    rc = sv_server_open(&server, model, settings, &err);
    if (rc) {
        gd_model_close(model);
        return cli_fail(rc, &err);
    }
    status = serve(s, server);
    gd_model_close(model);
    return status;
}

int cli_serve(const cli_settings *s)
{
    gd_error err = { GD_OK, "" };
    gd_model *model = NULL;
    sv_settings settings;
    const cli_run run = { .settings = s };
    static cli_adapters adapters;
    int wrong = cli_run_only_flags(s, "serve");
    gd_status rc;

    if (!wrong)
        wrong = cli_adapters_read(&adapters, &s->adapters);
    settings = settings_of(s, &adapters);
    if (!wrong)
        wrong = read_port(s->port, &settings.port);
    if (wrong)
        return wrong;
    watch_signals();
    rc = open_model(&model, s, &adapters, &err);
    if (rc)
        return cli_fail(rc, &err);
    cli_run_notes(&run, model);
    return open_and_serve(s, model, &settings);
}

#else

int cli_serve(const cli_settings *settings)
{
    (void)settings;
    cli_say("serve needs libmicrohttpd, without which this program was built; with it (Debian: libmicrohttpd-dev), "
            "configure and make build the server");
    return CLI_UNUSABLE;
}

#endif
