using Btx.Exporter;
using Btx.Fixtures;
using Btx.House.Tests.Launcher;

namespace Btx.House.Tests.Documents;

/// <summary>What a reader of the documents has: a tiny forest and a tiny BTX model, exported, some text, keys, and a launcher. Made once;
/// each chapter gets a copy.</summary>
public sealed class DocumentWorld : IDisposable
{
    /// <summary>Stands for the launcher: it starts the programs that the test was built with. A server goes into the background once it
    /// listens; what is only to be parsed is written down.</summary>
    private const string Launcher = """
        #!/usr/bin/env bash
        set -euo pipefail
        program() { exec dotnet "$PROGRAMS/$1.dll" "${@:2}"; }
        while IFS= read -r only; do
          [[ "$*" == "$only"* ]] && { printf '%s\0' "$@" >>parsed; printf '\n' >>parsed; exit; }
        done <only-parsed
        case $1 in
          serve)
            [ ! -e server ] || { kill "$(cat server)"; tail --pid="$(cat server)" -f /dev/null; }
            ports=(); [[ $* == *--http* ]] || ports+=(--http "127.0.0.1:$HTTP"); [[ $* == *--grpc* ]] || ports+=(--grpc "127.0.0.1:$GRPC")
            dotnet "$PROGRAMS/Btx.Server.dll" "$@" "${ports[@]}" --threads 1 --slots 4 >server.log 2>&1 &
            echo $! >server
            until grep -q '^Ctrl-C' server.log; do kill -0 "$(cat server)" || { cat server.log >&2; exit 1; }; sleep 0.1; done ;;
          export) program Btx.Exporter "$@" ;;
          generate|score|experts|keys|chat) program Btx.Server "$@" ;;
          loadtest) program Btx.LoadTests "${@:2}" ;;
          *) program Btx.Trainer "$@" ;;
        esac

        """;

    /// <summary>The keys that another chapter makes.</summary>
    private const string Keys = """
        umask 077
        for key in 'acme generate' 'prometheus observe' 'operations admin'; do
          read -r name scope <<<"$key"; ./btx keys create --keys keys.json --name "$name" --scopes "$scope" > "$name.key"
        done
        """;

    private const string Certificate = """
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout privkey.pem -out fullchain.pem -days 2 \
          -subj /CN=models.example.com -addext subjectAltName=DNS:models.example.com,IP:127.0.0.1 2>/dev/null
        """;

    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("btx-documents-");

    public DocumentWorld()
    {
        var tiny = new TinyForest { Names = ["novels", "bible", "python", "german"], Experts = 4 };
        tiny.Write(At("forest"));
        ForestExporter.Export(new() { Forest = At("forest"), Out = At("served"), Threads = 1 });
        using (var mixture = new TinyServedMoe())
        {
            Shell.Run("cp", "-r", mixture.Model, At("tuned"));
            MoeExporter.Export(new() { Model = At("tuned"), Out = At("served-btx"), Threads = 1 });
        }

        tiny.WriteExpert(At("data/experts/law"), 99);
        foreach (var domain in new[] { "law", "code", "data/contracts" })
        {
            Directory.CreateDirectory(At(domain));
            for (var i = 0; i < 12; i++) File.WriteAllText(At($"{domain}/{i}.txt"), Text(domain.Length + i));
        }

        File.WriteAllText(At("text.txt"), Text(1));
        File.WriteAllText(At("admin.key"), "a-key-for-changes-of-the-forest\n");
        File.WriteAllText(At("btx"), Launcher);
        File.WriteAllLines(At("only-parsed"), DocumentedCommands.OnlyParsed.Select(one => one.Begins));
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(At("admin.key"), UnixFileMode.UserRead | UnixFileMode.UserWrite);
            File.SetUnixFileMode(At("btx"), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
    }

    /// <summary>Runs the commands of a chapter in a world of its own, one after the other, until one fails.</summary>
    /// <returns>What is wrong; null: nothing. And the commands that were only to be parsed.</returns>
    public (string? Problem, string[][] Parsed) Run(string commands)
    {
        var here = At($"chapter-{Guid.NewGuid():N}");
        var (http, grpc, admin) = (FreePort(), FreePort(), FreePort());
        // Who asks a server that the chapter does not start has started it before.
        var needsServer = !commands.Contains("./btx serve", StringComparison.Ordinal)
            && (commands.Contains("curl", StringComparison.Ordinal) || commands.Contains("./btx generate", StringComparison.Ordinal));
        var makesAll = commands.Contains("train seed --corpus corpus ", StringComparison.Ordinal);
        var needsKeys = commands.Contains("--keys", StringComparison.Ordinal)
            && !commands.Contains("keys create", StringComparison.Ordinal);
        var script = $$"""
            set -euo pipefail
            mkdir {{here}} && cp -r $(find {{_root.FullName}} -mindepth 1 -maxdepth 1 ! -name 'chapter-*') {{here}} && cd {{here}}
            trap 'rc=$?; [ ! -e server ] || kill "$(cat server)" 2>/dev/null || true; exit $rc' EXIT
            {{(makesAll ? "rm -r forest served tuned served-btx" : "")}}
            {{(needsServer ? "./btx serve --forest served --btx served-btx" : "")}}
            {{(needsKeys ? Keys : "")}}
            {{(commands.Contains("--tls-cert", StringComparison.Ordinal) ? Certificate : "")}}
            trap 'echo "failed: $BASH_COMMAND" >&2' ERR
            curl() { command curl --fail-with-body "$@"; }
            {{DocumentedCommands.Substituted(commands)}}
            """;
        var (exit, output, error) = Shell.Run("bash", ["-c", script], new Dictionary<string, string?>
        {
            ["PROGRAMS"] = AppContext.BaseDirectory.TrimEnd('/'),
            ["HTTP"] = http,
            ["GRPC"] = grpc,
            ["ADMIN"] = admin,
            ["BTX_SERVER"] = $"127.0.0.1:{grpc}",
            ["BTX_API_KEY"] = File.ReadAllText(At("admin.key")).Trim(),
            ["DOTNET_TieredPGO"] = "0",
        });
        var parsed = File.Exists(Path.Combine(here, "parsed"))
            ? File.ReadAllLines(Path.Combine(here, "parsed")).Select(line => line.TrimEnd('\0').Split('\0')).ToArray() : [];
        return (exit == 0 ? null : $"exit code {exit}\n{error}\n{output[^Math.Min(output.Length, 2000)..]}", parsed);
    }

    public void Dispose() => _root.Delete(recursive: true);

    private string At(string path) => Path.Combine(_root.FullName, path);

    private static string Text(int seed)
    {
        var random = new Random(seed);
        string[] words = ["the", "party", "shall", "return", "a", "contract", "of", "law", "and", "value", "is", "given", "to", "court",
            "in"];
        return string.Join(' ', Enumerable.Range(0, 700).Select(i => words[random.Next(words.Length)] + (i % 9 == 8 ? ".\n" : "")));
    }

    private static string FreePort()
    {
        using var listener = new System.Net.Sockets.TcpListener(System.Net.IPAddress.Loopback, 0);
        listener.Start();
        return ((System.Net.IPEndPoint)listener.LocalEndpoint).Port.ToString(System.Globalization.CultureInfo.InvariantCulture);
    }
}
