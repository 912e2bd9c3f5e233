using Btx.Engine.Forests;
using Btx.Engine.Requests;
using Btx.Engine.Scheduling;
using Btx.Engine.Tests.Fixtures;
using Btx.Model.Mixing;

namespace Btx.Engine.Tests.Scheduling;

public sealed class StepPlannerTests
{
    private static Sequence Make(Routing routing, Lane[] lanes, int length, SequencePhase phase, params int[] cached) =>
        Make(routing, lanes, length, phase, 0, cached);

    /// <param name="alternatives">Above 0: it is scored.</param>
    private static Sequence Make(Routing routing, Lane[] lanes, int length, SequencePhase phase, int alternatives, int[] cached)
    {
        var s = new Sequence
        {
            Generation = alternatives > 0 ? null : new GenerationRequest { Prompt = [0], Routing = routing },
            Alternatives = alternatives,
            Routing = routing,
            Tokens = new int[length + 8],
            PromptLength = length,
            Length = length,
            Lease = null!,
            Forest = null!,
            Submitted = 0,
            Members = [.. lanes.Select((l, i) => new Member(l, i, length + 8, true) { Slot = i, Cached = cached[i] })],
        };
        foreach (var next in new[] { SequencePhase.Prefill, SequencePhase.Decode, SequencePhase.CatchUp }.TakeWhile(p => p <= phase))
            s.Enter(next);
        return s;
    }

    private static Lane[] Lanes(int count) =>
        [.. Enumerable.Range(0, count).Select(j => new Lane(new ServedModel($"e{j}", new FakeModelRunner(j, 8, 4)), j, 4))];

    private static (int Start, int Count, int Wanted, int Scored)[] Rows(StepPlan plan, Lane lane) =>
        [.. plan[lane].Rows.Select(r => (r.Start, r.Count, r.Wanted, r.Scored))];

    [Fact]
    public void Decode_goes_first_and_prefill_takes_what_is_left()
    {
        var lanes = Lanes(1);
        var plan = new StepPlan();
        StepPlanner.Plan(
            [Make(new Routing(), lanes, 20, SequencePhase.Prefill, 0), Make(new Routing(), lanes, 10, SequencePhase.Decode, 9)], lanes,
                6, 100, plan);
        Assert.Equal([(9, 1, 1, 0), (0, 5, 0, 0)], Rows(plan, lanes[0]));
        Assert.Single(plan.Emitting);
        Assert.Equal(5, plan.PrefillTokens);
    }

    [Fact]
    public void A_prompt_that_fits_gives_its_first_token_in_the_same_step()
    {
        var lanes = Lanes(2);
        var plan = new StepPlan();
        StepPlanner.Plan([Make(new Routing(), lanes, 8, SequencePhase.Prefill, 0, 0)], lanes, 16, 8, plan);
        Assert.Equal([(0, 8, 1, 7)], Rows(plan, lanes[0])); // the posterior reads the prompt
        Assert.Single(plan.Emitting);
        StepPlanner.Plan([Make(new Routing { Posterior = PosteriorKind.Fixed }, lanes, 8, SequencePhase.Prefill, 0, 0)], lanes,
            16, 8, plan);
        Assert.Equal([(0, 8, 1, 0)], Rows(plan, lanes[0]));
    }

    [Fact]
    public void A_choice_of_experts_waits_for_the_whole_prompt()
    {
        var lanes = Lanes(2);
        var plan = new StepPlan();
        StepPlanner.Plan([Make(EngineCalls.TopK(1), lanes, 8, SequencePhase.Prefill, 0, 0)], lanes, 16, 8, plan);
        Assert.Equal([(0, 7, 0, 7)], Rows(plan, lanes[0]));
        Assert.Empty(plan.Emitting);
    }

    [Fact]
    public void Members_need_not_be_in_step()
    {
        var lanes = Lanes(3);
        var plan = new StepPlan();
        StepPlanner.Plan([Make(new Routing(), lanes, 30, SequencePhase.CatchUp, 29, 10, 26)], lanes, 64, 8, plan);
        Assert.Empty(Rows(plan, lanes[0]));
        Assert.Equal([(10, 8, 0, 8)], Rows(plan, lanes[1]));
        Assert.Equal([(26, 3, 0, 3)], Rows(plan, lanes[2]));
        Assert.Equal(2, plan.Lanes.Count);
        Assert.Empty(plan.Emitting);
    }

    [Fact]
    public void Few_positions_are_ranked_in_a_step_and_others_wait()
    {
        var lanes = Lanes(2);
        var plan = new StepPlan();
        var running = new[] { 200, 200 }.Select(length => Make(new Routing(), lanes, length, SequencePhase.Prefill, 5, [10, 10])).ToList();
        StepPlanner.Plan(running, lanes, 512, 256, plan);
        Assert.Equal([(10, 64, 64, 0)], Rows(plan, lanes[0])); // of the first: its logits are all kept
        Assert.Equal((10, 64), (Assert.Single(plan.Ranked).Start, plan.Ranked[0].Count));
    }

    [Fact]
    public void A_phase_follows_from_the_one_before_or_is_refused()
    {
        SequencePhase[] all = Enum.GetValues<SequencePhase>();
        (SequencePhase From, SequencePhase To)[] allowed =
        [
            (SequencePhase.Queued, SequencePhase.Prefill), (SequencePhase.Queued, SequencePhase.Finished),
            (SequencePhase.Prefill, SequencePhase.Queued), (SequencePhase.Prefill, SequencePhase.Decode),
            (SequencePhase.Prefill, SequencePhase.Finished), (SequencePhase.Decode, SequencePhase.Queued),
            (SequencePhase.Decode, SequencePhase.CatchUp), (SequencePhase.Decode, SequencePhase.Finished),
            (SequencePhase.CatchUp, SequencePhase.Queued), (SequencePhase.CatchUp, SequencePhase.Decode),
            (SequencePhase.CatchUp, SequencePhase.Finished),
        ];
        foreach (var (from, to) in all.SelectMany(from => all.Where(to => to != from).Select(to => (from, to))))
        {
            var s = Make(new Routing(), Lanes(1), 4, from, 0);
            if (from == SequencePhase.Finished) s.Enter(from);
            if (allowed.Contains((from, to))) s.Enter(to);
            else Assert.Throws<InvalidOperationException>(() => s.Enter(to));
            Assert.Equal(allowed.Contains((from, to)) ? to : from, s.Phase);
        }
    }

    [Fact]
    public void Inactive_members_do_not_decode()
    {
        var lanes = Lanes(2);
        var plan = new StepPlan();
        var s = Make(EngineCalls.TopK(1), lanes, 10, SequencePhase.Decode, 9, 5);
        s.Members[1].Active = false;
        StepPlanner.Plan([s], lanes, 16, 8, plan);
        Assert.Single(plan.Lanes);
        Assert.Equal(1, Assert.Single(Rows(plan, lanes[0])).Count);
    }
}

public sealed class SlotPoolTests
{
    [Fact]
    public void Hands_out_the_lowest_free_slot()
    {
        var pool = new SlotPool(3);
        Assert.Equal([0, 1, 2], [pool.Take(), pool.Take(), pool.Take()]);
        Assert.Throws<InvalidOperationException>(() => pool.Take());
        pool.Return(1);
        Assert.Equal(1, pool.Free);
        Assert.False(pool.IsUsed(1));
        Assert.Equal(1, pool.Take());
    }

    [Fact]
    public void A_slot_is_returned_once()
    {
        var pool = new SlotPool(2);
        pool.Return(pool.Take());
        Assert.Throws<InvalidOperationException>(() => pool.Return(0));
    }
}
