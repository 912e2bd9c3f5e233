using System.Globalization;
using Btx.Model.Files;
using Btx.Model.Forests;

namespace Btx.Server.Verbs;

/// <summary><c>btx keys</c>: makes, lists and revokes the API keys of a server.</summary>
internal static class KeysVerb
{
    private const string Text =
        """
        Make, list and revoke the API keys of a server: the file that `btx serve --keys` names. A server that runs notices the
        change at its next request. The file holds hashes; a secret is shown once, when its key is made.

        Examples:
          btx keys create --keys keys.json --name acme > acme.key
          btx keys list --keys keys.json
          btx keys revoke 0123456789ab --keys keys.json
        """;

    private const string CreateText =
        """
        Make a key, add it to the file (made if it is not there, with mode 600), and print the key to standard output: this once.
        What it may do: generate (have text generated and scored, and list the models), observe (models, metrics, the forest's
        state), admin (change the forest; observe goes with it). A key for some experts reaches these alone, in mode expert;
        other modes run or weigh every expert, so they are refused unless all experts are the key's.

        Examples:
          btx keys create --keys keys.json --name acme > acme.key && chmod 600 acme.key
          btx keys create --keys keys.json --name acme --experts law --tokens-per-minute 100000 --concurrent 4 --expires 90d
          btx keys create --keys keys.json --name prometheus --scopes observe --expires 2027-12-31
          btx keys create --keys keys.json --name operations --scopes admin
        """;

    private const string ListText =
        """
        List the keys of a file: id, name, scopes, times, what they are bound to, quotas. The secrets are not in it.

        Examples:
          btx keys list --keys keys.json
          btx keys list --keys keys.json --json -
        """;

    private const string RevokeText =
        """
        Take a key out of the file: from a running server's next request on, nobody is let in with it. Requests under way finish.

        Examples:
          btx keys revoke 0123456789ab --keys keys.json
        """;

    public static Command Create() => new("keys", Text) { CreateKey(), List(), Revoke() };

    private static Flag<string> File => new("--keys FILE", "the file of API keys") { Required = true };

    private static Command CreateKey()
    {
        var file = File;
        var name = new Flag<string>("--name NAME", "whose key it is") { Required = true };
        var scopes = Flags.Names("--scopes SCOPE,SCOPE", $"what it may do: {string.Join(", ", Scopes.Names)} (generate)");
        var modes = Flags.Names("--modes MODE,MODE", "the only routing modes that it may ask for (all)");
        var experts = Flags.Names("--experts NAME,NAME", "the only experts that may run for it (all)");
        var expires = new Flag<string?>("--expires DAYSd|DATE", "when it ends: in days, as 90d, or on a date in UTC (never)");
        var requests = new Flag<int?>("--requests-per-minute N", "requests that generate or score (no limit)");
        var tokens = new Flag<int?>("--tokens-per-minute N", "tokens of prompts and answers (no limit)");
        var concurrent = new Flag<int?>("--concurrent N", "requests under way at a time (no limit)");
        var command = new Command("create", CreateText) { file, name, scopes, modes, experts, expires, requests, tokens, concurrent };
        command.SetAction(parsed =>
        {
            static string[]? Given(string[]? names) => names is { Length: > 0 } ? names : null;
            var now = DateTimeOffset.UtcNow;
            var (key, token) = ApiKey.New(new()
            {
                Id = "",
                Name = parsed.GetValue(name)!,
                Sha256 = "",
                Scopes = Given(parsed.GetValue(scopes)) ?? [RoutingNames.Of(Scope.Generate)],
                Created = now,
                Expires = parsed.GetValue(expires) is { } end ? End(end, now) : null,
                Modes = Given(parsed.GetValue(modes)),
                Experts = Given(parsed.GetValue(experts)),
                RequestsPerMinute = parsed.GetValue(requests),
                TokensPerMinute = parsed.GetValue(tokens),
                Concurrent = parsed.GetValue(concurrent),
            });
            if (key.Problems().FirstOrDefault() is { } problem) throw new BtxException($"the key's {problem}");
            ApiKeyFile.Change(file.Name, parsed.GetValue(file)!, keys => [.. keys, key]);
            parsed.InvocationConfiguration.Output.WriteLine(token);
            parsed.InvocationConfiguration.Error.WriteLine($"key {key.Id}, {string.Join(' ', key.Scopes)}: it is shown this once; keep it "
                + $"in a file that only its owner can read, and name that with {ApiKeyFlag.Name}");
        });
        return command;
    }

    private static Command List()
    {
        var (file, json) = (File, new JsonFlag());
        var command = new Command("list", ListText) { file, json };
        command.SetAction(parsed =>
        {
            var keys = ApiKeyFile.Read(file.Name, parsed.GetValue(file)!);
            static string Time(DateTimeOffset? time) => time?.ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture) ?? "never";
            static string Of(IReadOnlyList<string>? names) => names is null ? "all" : string.Join(',', names);
            var rows = keys.Select(key => new[]
            {
                key.Id, BtxException.OneLine(key.Name), Of(key.Scopes), Time(key.Created), Time(key.Expires), Of(key.Modes),
                Of(key.Experts), $"{key.RequestsPerMinute}", $"{key.TokensPerMinute}", $"{key.Concurrent}",
            });
            json.Write(parsed, JsonSerializer.Serialize(keys, ManifestJson.Options) + "\n", TextTable.Lines(["id", "name", "scopes",
                "created", "expires", "modes", "experts", "requests/min", "tokens/min", "at a time"], rows, 7), AtomicFile.WriteText);
        });
        return command;
    }

    private static Command Revoke()
    {
        var (id, file) = (new Argument<string>("id") { Description = "of the key, as `btx keys list` shows it" }, File);
        var command = new Command("revoke", RevokeText) { id, file };
        command.SetAction(parsed =>
        {
            var (gone, path) = (parsed.GetValue(id), parsed.GetValue(file)!);
            var unknown = $"{file.Name} {path}: has no key \"{BtxException.OneLine(gone!, 100)}\"; `btx keys list` shows them";
            ApiKeyFile.Change(file.Name, path, keys => keys.Any(key => key.Id == gone) ? keys.Where(key => key.Id != gone)
                : throw new BtxException(unknown));
            parsed.InvocationConfiguration.Output.WriteLine($"key {gone} is revoked");
        });
        return command;
    }

    private static DateTimeOffset End(string text, DateTimeOffset now)
    {
        var end = text.EndsWith('d') && int.TryParse(text[..^1], CultureInfo.InvariantCulture, out var days) && days is > 0 and < 36_500
            ? now.AddDays(days)
            : DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var date) ? date : now;
        return end > now ? end
            : throw new BtxException($"--expires {BtxException.OneLine(text, 100)}: expected days, as 90d, or a later date, as 2027-12-31");
    }
}
