select pass('before');
savepoint here;
select fail('inside');
select todo('lost', 1);
rollback to savepoint here;
select fail('after');
