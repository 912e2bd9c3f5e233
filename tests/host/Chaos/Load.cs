using System.Diagnostics;
using Btx.Server.Tests.Fakes;
using Btx.V1;

namespace Btx.Server.Tests.Chaos;

/// <summary>Several clients that generate without a pause, and everything they got.</summary>
internal sealed class Load
{
    private static readonly TimeSpan Hang = TimeSpan.FromMinutes(5);
    private readonly ServerProcess _server;
    private readonly Func<int, int, GenerateRequest> _request;
    private readonly int _pause;
    private readonly LoadRecord?[] _running;
    private readonly List<LoadRecord> _records = [];
    private readonly Task[] _clients;
    private volatile bool _stopping;

    /// <param name="clients">How many run at once.</param>
    /// <param name="request">Of a client, by its number and the number of its request.</param>
    /// <param name="pause">Milliseconds between a client's requests.</param>
    public Load(ServerProcess server, int clients, Func<int, int, GenerateRequest> request, int pause = 0)
    {
        (_server, _request, _pause) = (server, request, pause);
        _running = new LoadRecord?[clients];
        _clients = [.. Enumerable.Range(0, clients).Select(c => Task.Run(() => RunAsync(c)))];
    }

    /// <summary>One client for each of <see cref="Routings"/>.</summary>
    /// <param name="promptLength">Tokens.</param>
    /// <param name="first">Tokens of each client's first answer.</param>
    /// <param name="tokens">Tokens of the others.</param>
    /// <param name="seeds">Of the first requests, see <see cref="Request"/>.</param>
    public static Load EveryMode(ServerProcess server, string? expert, int promptLength = 20, int first = 30, int tokens = 30,
        IReadOnlyList<int>? seeds = null)
    {
        var routings = Routings(expert);
        return new(server, routings.Count, (client, number) => Request(routings[client], number == 0 && seeds is not null
            ? seeds[client % seeds.Count] : client + (100 * number), promptLength, number == 0 ? first : tokens));
    }

    /// <summary>Prompts whose most probable expert is that one.</summary>
    public static async Task<IReadOnlyList<int>> SeedsForAsync(string expert, IReadOnlyList<string> experts, int promptLength, int count)
    {
        var seeds = new List<int>();
        for (var seed = 0; seeds.Count < count; seed++)
        {
            int[] prompt = [.. Request(new(), seed, promptLength, 1).Prompt.Tokens.Ids];
            var sums = new Dictionary<string, double>();
            foreach (var name in experts) sums.Add(name, (await Reference.OfExpertAsync(name, prompt)).Sum());
            if (sums.MaxBy(s => s.Value).Key == expert) seeds.Add(seed);
        }

        return seeds;
    }

    /// <summary>All that a forest answers.</summary>
    /// <param name="expert">The one that the last names; null: none does.</param>
    public static IReadOnlyList<Routing> Routings(string? expert)
    {
        List<Routing> routings =
        [
            new() { Mode = Mode.Ensemble }, new() { Mode = Mode.Ensemble, Posterior = PosteriorKind.Fixed },
                new() { Mode = Mode.TopK, K = 1 }, new() { Mode = Mode.TopK, K = 2 },
            new() { Mode = Mode.TopP, P = 0.7 }, new() { Mode = Mode.Average },
        ];
        if (expert is not null) routings.Add(new() { Mode = Mode.Expert, Expert = expert });
        return routings;
    }

    /// <param name="number">Chooses the prompt; every third request is sampled with it as seed, the others are greedy.</param>
    public static GenerateRequest Request(Routing routing, int number, int promptLength, int tokens)
    {
        var random = new Random(number);
        return new()
        {
            Prompt = new()
            {
                Tokens =
                new() { Ids = { Enumerable.Range(0, promptLength).Select(i => i == 0 ? 256 : random.Next(32, 127)) } }
            },
            Routing = routing,
            Sampling = number % 3 == 2 ? new() { Temperature = 1, Seed = number } : new() { Temperature = 0 },
            MaxTokens = tokens,
            IgnoreEos = true,
            TopLogprobs = 1,
        };
    }

    /// <summary>Completes when every client has a request that gave a token and is not near its end.</summary>
    public async Task DecodingAsync()
    {
        for (var c = 0; c < _running.Length; c++)
        {
            var client = c;
            await Patience.UntilAsync(() => Volatile.Read(ref _running[client]) is { Received: > 0 } running
                && running.Received <= running.Request.MaxTokens / 2, "a token");
        }
    }

    /// <summary>Completes when most clients have a request that gave no token yet.</summary>
    public async Task PromptingAsync()
    {
        await EndedAsync(1);
        await Patience.UntilAsync(() => _running.Count(r => r is { Received: 0, Ended: 0 }) >= _running.Length - 1, "a request");
    }

    /// <summary>Completes when so many requests ended after the call.</summary>
    public async Task EndedAsync(int more)
    {
        var from = Count;
        await Patience.UntilAsync(() => Count >= from + more, "the end of a request");
    }

    /// <summary>Sends no more; completes when what runs has ended.</summary>
    public async Task<IReadOnlyList<LoadRecord>> StopAsync()
    {
        _stopping = true;
        await Task.WhenAll(_clients).WaitAsync(Hang);
        return _records;
    }

    /// <summary>Requests that ended so far, and not in an order.</summary>
    public IReadOnlyList<string> Failures
    {
        get
        {
            lock (_records) return [.. _records.Where(r => r.Failure is not null).Select(r => $"{r.Name}: {r.Failure}")];
        }
    }

    private int Count
    {
        get
        {
            lock (_records) return _records.Count;
        }
    }

    private async Task RunAsync(int client)
    {
        for (var number = 0; !_stopping; number++)
        {
            var record = new LoadRecord { Request = _request(client, number), Began = Stopwatch.GetTimestamp() };
            Volatile.Write(ref _running[client], record);
            await record.RunAsync(_server.Inference);
            lock (_records) _records.Add(record);
            if (record.Failure is { StatusCode: global::Grpc.Core.StatusCode.Unavailable }) return; // the server is gone, or goes
            if (_pause > 0 || record.Tokens.Count == 0) await Task.Delay(Math.Max(_pause, 10));
        }
    }
}
