using Btx.Trainer.Networks.Routers;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Btx.Trainer.Networks;

/// <summary>A layer of feed-forward experts, FF(x) = Σ_i g_i(W x) · FF_i(x) (arXiv 2403.07816, section 3.2; the layout is Mixtral's,
/// arXiv 2401.04088). Tokens are gathered by expert: an expert computes only what it was given, and nothing if that is nothing. Letters in
/// shapes: N tokens, E experts, k of them for each token, P = N·k pairs, d hidden size. Without <see cref="Training"/> it routes as
/// Mixtral: softmax over the <see cref="ExpertsPerToken"/> largest logits, or over all where <see cref="Soft"/>; no token is ever dropped.
/// Its weights start uninitialised.</summary>
public sealed class MoeFeedForward : IFeedForward
{
    private readonly int layer;
    private readonly Parameter router; // [E, d]
    private readonly SwiGlu[] experts; // [E]
    private MoeTraining? settings;
    private Router? trainingRouter;
    private int expertsPerToken;

    public MoeFeedForward(LlamaConfig config, int layer, Device device)
    {
        var moe = config.Moe ?? throw new ArgumentException("the configuration is of a dense model", nameof(config));
        this.layer = layer;
        expertsPerToken = moe.ExpertsPerToken;
        router = LlamaModel.NewParameter(device, moe.Experts, config.HiddenSize);
        experts = [.. Enumerable.Range(0, moe.Experts).Select(_ => new SwiGlu(config, device))];
    }

    public int Experts => experts.Length;

    /// <summary>k at inference, 1..E.</summary>
    public int ExpertsPerToken
    {
        get => expertsPerToken;
        set => expertsPerToken = value >= 1 && value <= Experts ? value
            : throw new BtxException($"{value} experts per token; the model has {Experts}, choose 1..{Experts}");
    }

    /// <summary>Every expert runs on every token, whatever k is.</summary>
    public bool Soft { get; set; }

    /// <summary>Runs every expert on every token and multiplies by the gate, mostly 0: what gathering is measured against.</summary>
    public bool DenseForm { get; set; }

    /// <summary>Routes by <see cref="Settings"/> and computes <see cref="BalanceLoss"/>.</summary>
    public bool Training { get; set; }

    /// <summary>How it routes in training; also sets <see cref="ExpertsPerToken"/> and <see cref="Soft"/> to what
    /// the kind of router uses at inference.</summary>
    public MoeTraining? Settings
    {
        get => settings;
        set
        {
            settings = value?.Validate(Experts);
            trainingRouter = settings?.MakeRouter(Experts);
            if (settings is null) return;
            ExpertsPerToken = RouterKind.ExpertsPerToken(settings.Router, settings.ExpertsPerToken, Experts);
            Soft = settings.SoftLayers.Contains(layer);
        }
    }

    /// <summary>Training step from 0, and which of its accumulated batches: temperature and random numbers follow from them.</summary>
    public (long Step, int Part) At { get; set; }

    /// <summary>α·E·Σ u_i p_i of the last forward in training, u the mean gate and p the mean softmax over all logits; to be added to the
    /// loss. Where a token has one expert u is a count without gradient. Null outside training and for α = 0.</summary>
    public Tensor? BalanceLoss { get; private set; }

    /// <summary>What the last forward decided; null before the first.</summary>
    public TokenRouting? Routing { get; private set; }

    public IEnumerable<(string Name, Parameter Parameter)> Parameters =>
    [
        (MoeConfig.RouterTensor, router),
        .. experts.SelectMany((expert, e) => new[]
        {
            (MoeConfig.GateTensor(e), expert.Gate), (MoeConfig.DownTensor(e), expert.Down), (MoeConfig.UpTensor(e), expert.Up),
        }),
    ];

    public Tensor Forward(Tensor x)
    {
        BalanceLoss = null;
        var logits = Linear.Of(x, router);                                                        // [N, E]
        var choice = Route()(logits, new RouterDraw(settings?.Seed ?? 0, At.Step, At.Part, layer));
        if (Training && settings is { LoadBalancing: > 0 } s) BalanceLoss = Balance(logits, choice, s.LoadBalancing);
        var dispatch = new ExpertDispatch(choice.Experts, Experts, choice.Capacity ?? int.MaxValue);
        using var weights = choice.Gates.detach().cpu();
        Routing = new TokenRouting(Experts, choice.PerToken, choice.Experts, weights.data<float>().ToArray(), dispatch.Refused);
        return choice.PerToken == Experts || DenseForm ? All(x, choice, dispatch) : Gathered(x, choice, dispatch);
    }

    private Router Route()
    {
        if (Training && settings is null) throw new InvalidOperationException("Settings must be set before Training");
        if (Soft || (!Training && expertsPerToken == Experts)) return TokenRouters.Soft;
        return Training ? trainingRouter! : TokenRouters.TopK(expertsPerToken);
    }

    // Each expert on its own tokens. Pairs are brought into the order of their experts and back by index_copy: its forward and its
    // backward both move whole rows, every row once, and add nothing, so sums have one order on every device.
    private Tensor Gathered(Tensor x, ExpertChoice choice, ExpertDispatch dispatch)
    {
        long n = x.shape[0], d = x.shape[1], k = choice.PerToken, p = n * k;
        var place = new long[p];
        for (var i = 0; i < p; i++) place[dispatch.Order[i]] = i;
        var pairs = k == 1 ? x : x.unsqueeze(1).expand(n, k, d).reshape(p, d);                   // [P, d], token after token
        var sorted = empty([p, d], x.dtype, x.device).index_copy(0, tensor(place, int64, x.device), pairs); // [P, d], expert after expert
        // by expert; its backward, unlike narrow's, writes each row once
        var parts = sorted.split([.. dispatch.Counts, p - dispatch.Taken]);
        if (dispatch.Taken < p) parts[Experts] = zeros([p - dispatch.Taken, d], x.dtype, x.device);
        for (var e = 0; e < Experts; e++)
            if (dispatch.Counts[e] > 0) parts[e] = experts[e].Forward(parts[e]);

        // [P, d], token after token
        var results = empty([p, d], x.dtype, x.device).index_copy(0, tensor(dispatch.Order, int64, x.device), cat(parts));
        return k == 1 ? results * choice.Gates : (results.view(n, k, d) * choice.Gates.unsqueeze(2)).sum(1);
    }

    // Every expert on every token.
    private Tensor All(Tensor x, ExpertChoice choice, ExpertDispatch dispatch)
    {
        var taken = new float[choice.Experts.Length];
        foreach (var pair in dispatch.Order.AsSpan(0, dispatch.Taken)) taken[pair] = 1;
        var pairs = dispatch.Taken == taken.Length ? choice.Gates : choice.Gates * tensor(taken, choice.Gates.shape, device: x.device);
        var gates = Matrix(choice, pairs);
        var y = experts[0].Forward(x) * gates.narrow(1, 0, 1);
        for (var e = 1; e < Experts; e++) y = y.Plus(experts[e].Forward(x) * gates.narrow(1, e, 1));
        return y;
    }

    private Tensor Balance(Tensor logits, ExpertChoice choice, double alpha)
    {
        var u = Matrix(choice, choice.PerToken == 1 ? choice.Gates.detach() : choice.Gates).mean([0]); // [E]
        var p = logits.softmax(-1).mean([0]);                                                    // [E]
        return (u * p).sum() * KeptScalar.Of(alpha * Experts);
    }

    // Pairs' values [N, k] → [N, E], 0 where an expert was not chosen.
    private Tensor Matrix(ExpertChoice choice, Tensor pairs)
    {
        if (choice.PerToken == Experts) return pairs;
        var n = pairs.shape[0];
        return zeros([n, Experts], pairs.dtype, pairs.device)
            .scatter(1, tensor(choice.Experts, [n, choice.PerToken], int64, pairs.device), pairs);
    }
}

/// <summary>How the layers of a network route while they learn.</summary>
/// <param name="Router">One of <see cref="RouterKind.Names"/>.</param>
/// <param name="ExpertsPerToken">k of <see cref="RouterKind.TopK"/>.</param>
/// <param name="LoadBalancing">α; 0 turns load balancing off.</param>
/// <param name="Seed">Of the samples of <see cref="RouterKind.SampleTop1"/>.</param>
public sealed record MoeTraining(string Router = RouterKind.TopK, int ExpertsPerToken = 2, double LoadBalancing = 0.01,
    long Seed = 0)
{
    private const double CapacityFactor = 1.5; // of a switch router: an expert takes at most so many times its even share

    /// <summary>Layers in which every expert runs, in training and after: the first for <see cref="RouterKind.SampleTop1"/>.</summary>
    public IReadOnlyList<int> SoftLayers => Router == RouterKind.SampleTop1 ? [0] : [];

    /// <summary>By the flags <c>--router</c> and <c>--k</c>.</summary>
    /// <param name="usual">k where none is given.</param>
    /// <exception cref="BtxException">An unknown router, a k out of range, or a k for a router that fixes it.</exception>
    public static MoeTraining Of(string router, int? k, int usual, int experts)
    {
        if (k is { } given && router != RouterKind.TopK && RouterKind.Names.Contains(router)
            && RouterKind.ExpertsPerToken(router, given, experts) is var always && always != given)
            throw new BtxException($"--k {k}: --router {router} always runs {always} of {experts} experts; leave --k out or choose "
                + $"--router {RouterKind.TopK}");
        return new MoeTraining(router, k ?? usual).Validate(experts);
    }

    public MoeTraining Validate(int experts)
    {
        if (!RouterKind.Names.Contains(Router))
            throw new BtxException(
                $"--router {BtxException.OneLine(Router)}: unknown; choose one of {string.Join(", ", RouterKind.Names)}");
        if (ExpertsPerToken < 1 || ExpertsPerToken > experts)
            throw new BtxException($"--k {ExpertsPerToken}: the model has {experts} experts; choose 1..{experts}");
        if (!(LoadBalancing >= 0) || !double.IsFinite(LoadBalancing))
            throw new BtxException($"--load-balancing {LoadBalancing}: expected a number of at least 0");
        return this;
    }

    internal Router MakeRouter(int experts) => Router switch
    {
        RouterKind.Switch => TokenRouters.Switch(CapacityFactor),
        RouterKind.SampleTop1 => TokenRouters.SampleTop1,
        RouterKind.Soft => TokenRouters.Soft,
        _ when ExpertsPerToken == experts => TokenRouters.Soft,
        _ => TokenRouters.TopK(ExpertsPerToken),
    };
}
