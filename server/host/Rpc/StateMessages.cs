using Btx.Forest;
using Btx.Model.Forests;
using Btx.Model.Registry;
using Google.Protobuf;
using Timestamp = Google.Protobuf.WellKnownTypes.Timestamp;

namespace Btx.Server.Rpc;

/// <summary>States, plans and changes of a forest as they are on the wire.</summary>
internal static class StateMessages
{
    /// <param name="keyFingerprint">Null: no key has been made yet.</param>
    /// <param name="roots">Null: directories of the server are not shown.</param>
    public static V1.ListExpertsResponse List(
        ForestState state, ForestDamage damage, string? keyFingerprint, IReadOnlyList<string>? roots) => new()
        {
            Revision = state.Revision,
            Experts = { state.Experts.Select(e => Expert(e, damage, roots is not null)) },
            Absent = { state.Absent.Select(Absent) },
            StateSha256 = state.Hash(),
            KeyFingerprint = keyFingerprint ?? "",
            ExpertRoots = { roots ?? [] },
            Precision = state.Precision,
            BtxProblem = damage.Moe ?? "",
        };

    /// <exception cref="Model.BtxException">There is no expert of that name.</exception>
    public static V1.ShowExpertResponse Show(ForestState state, ForestDamage damage, string name, bool paths)
    {
        var expert = state.Expert(name);
        var lineage = Lineage.Of(state);
        var known = state.Experts.Select(e => e.Name).Concat(state.Absent.Select(a => a.Name)).Append(ForestState.Seed).Distinct()
            .Where(n => n != name);
        string[] ready = [.. state.Ready.Select(e => e.Name)];
        var at = Array.IndexOf(ready, name);
        return new()
        {
            Expert = Expert(expert, damage, paths),
            Ancestors = { known.Select(n => new V1.LineageShare { Name = n, Share = lineage.Share(name, n) }).Where(s => s.Share > 0)
                .OrderByDescending(s => s.Share) },
            Descendants = { lineage.Shares([name]).Where(s => s.Key != name).OrderByDescending(s => s.Value)
                .Select(s => new V1.LineageShare { Name = s.Key, Share = s.Value }) },
            Averages = { state.Averages.Where(a => at >= 0 && state.Weights(a, ready) is { } w && w[at] > 0).Select(a => a.Name) },
        };
    }

    public static V1.ListAveragesResponse Averages(ForestState state)
    {
        string[] ready = [.. state.Ready.Select(e => e.Name)];
        var averages = state.Averages.Select(average => new V1.NamedAverage
        {
            Name = average.Name,
            Domain = average.Domain ?? "",
            SampleSha256 = average.SampleSha256 ?? "",
            Weights = { ready.Zip(state.Weights(average, ready) ?? []).Where(w => w.Second > 0).ToDictionary(w => w.First, w => w.Second) },
        });
        return new() { Revision = state.Revision, Averages = { averages } };
    }

    /// <param name="limit">The last so many; 0: all.</param>
    public static V1.HistoryResponse History(IReadOnlyList<ChangeRecord> history, int limit) =>
        new() { Changes = { history.Skip(limit > 0 ? Math.Max(0, history.Count - limit) : 0).Select(Change) } };

    public static V1.Change Change(ChangeRecord change)
    {
        var message = new V1.Change
        {
            Id = change.Id,
            Kind = change.Kind,
            Subjects = { change.Subjects },
            Author = change.Author,
            Time = Timestamp.FromDateTimeOffset(change.Time),
            Reason = change.Reason,
            Outcome = change.Outcome,
            Message = change.Message ?? "",
            Undoes = change.Undoes ?? "",
            RevisionBefore = change.RevisionBefore,
            StateBeforeSha256 = change.BeforeSha256,
            StateAfterSha256 = change.AfterSha256,
            Purge = { change.Purge.Select(p => p.Expert) },
            PurgedAt = change.PurgedAt is { } at ? Timestamp.FromDateTimeOffset(at) : null,
        };
        if (change.RevisionAfter is { } after) message.RevisionAfter = after;
        return message;
    }

    public static V1.RemovalPlan Plan(RemovalPlan plan) => new()
    {
        Revision = plan.Revision,
        Lineage = Enum.Parse<V1.LineagePolicy>(plan.Policy, ignoreCase: true),
        Requested = { plan.Requested },
        Removed = { plan.Removed },
        Quarantined = { plan.Quarantined },
        Residuals = { plan.Residuals.Select(r =>
            new V1.Residual { Expert = r.Expert, Status = r.Status, Share = r.Share, ByAncestor = { r.ByAncestor.ToDictionary() } }) },
        DroppedAverages = { plan.DroppedAverages },
        ReweightedAverages = { plan.ReweightedAverages },
        ReweightedPriors = { plan.ReweightedPriors },
    };

    /// <param name="since">From the request to this.</param>
    public static V1.ChangeUpdate Progress(ChangeProgress now, TimeSpan since) => new()
    {
        Progress = new() { Phase = now.Phase, Fraction = now.Fraction, Message = now.Message, Seconds = since.TotalSeconds },
    };

    public static V1.ChangeUpdate Result(ChangeResult result) => new()
    {
        Result = new()
        {
            Change = Change(result.Change),
            Swap = result.Swap is null ? null : Swap(result.Swap),
            Certificate = result.Certificate is null ? ByteString.Empty : UnsafeByteOperations.UnsafeWrap(result.Certificate.ToJson()),
            Notes = { result.Notes },
        },
    };

    public static V1.ForestEvent Event(ForestEvent e) => new()
    {
        Number = e.Number,
        Time = Timestamp.FromDateTimeOffset(e.Time),
        Change = Change(e.Change),
        Phase = e.Phase ?? "",
        Message = e.Message,
        Experts = { e.Experts },
        Revision = e.Revision,
    };

    private static V1.RegisteredExpert Expert(RegisteredExpert expert, ForestDamage damage, bool paths)
    {
        var problem = damage.Experts.GetValueOrDefault(expert.Name);
        return new()
        {
            Name = expert.Name,
            Domain = expert.Domain,
            Status = problem is null ? expert.Status : ExpertStatus.Quarantined,
            Problem = problem ?? "",
            Sha256 = expert.Sha256,
            Parents = { expert.Parents.Select(Parent) },
            Round = expert.Round,
            Tokens = expert.Tokens,
            Steps = expert.Steps,
            CorpusSha256 = expert.CorpusSha256 ?? "",
            Root = expert.Root,
            Path = paths ? expert.Path : "",
            Prior = { expert.Prior?.ToDictionary() ?? [] },
        };
    }

    private static V1.AbsentExpert Absent(AbsentExpert expert)
    {
        var message = new V1.AbsentExpert
        {
            Name = expert.Name,
            Domain = expert.Domain ?? "",
            Sha256 = expert.Sha256 ?? "",
            Parents = { expert.Parents.Select(Parent) }
        };
        if (expert.RemovedIn is { } revision) message.RemovedIn = revision;
        return message;
    }

    private static V1.Parent Parent(ParentEntry parent) => new() { Name = parent.Name, Weight = parent.Weight };

    private static V1.SwapReport Swap(SwapReport swap) => new()
    {
        Renormalised = swap.Renormalised,
        Refilled = swap.Refilled,
        Moved = swap.Moved,
        Drained = swap.Drained,
        Ended = swap.Ended,
        Aborted = swap.Aborted,
        PauseSeconds = swap.Pause.TotalSeconds,
        Seconds = swap.Total.TotalSeconds,
        BytesReturned = swap.BytesReturned,
    };
}
